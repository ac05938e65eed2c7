"""Groups of training processes on this machine, and what training leaves, for tests."""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import socket
import time
from collections.abc import Sequence

import numpy as np

from tests.forks import Fork

_CHANCE = random.SystemRandom()  # so that tests that run at the same time do not meet


def free_addresses(count: int) -> list[str]:
  """On ports that no process uses, nor gets from the system when it asks for any."""
  addresses: list[str] = []
  while len(addresses) < count:
    address = f"127.0.0.1:{_CHANCE.randrange(10_000, 32_000)}"
    with socket.socket() as probe, contextlib.suppress(OSError):
      probe.bind(("127.0.0.1", int(address.partition(":")[2])))
      addresses += [address] if address not in addresses else []
  return addresses


class Processes:
  """A group of training processes on this machine, a program each; killed in the end.

  Each has an empty folder of its own as working directory, as on machines without a shared disk.

  Args:
    folder: of these folders.
    module: the program.
    args: what it is given.
    **jobs: how many processes each job has.
  """

  def __init__(self, folder: pathlib.Path, module: str, args: Sequence[str], **jobs: int):
    self.folder, self.args = folder, args
    self.code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    addresses = iter(free_addresses(sum(jobs.values())))
    self.cluster = {job: [next(addresses) for _ in range(count)] for job, count in jobs.items()}
    self.started: list[Fork] = []

  def __enter__(self) -> Processes:
    return self

  def __exit__(self, *error: object) -> None:
    for process in self.started:
      process.kill()

  def start(self, job: str, index: int = 0) -> Fork:
    place = self.folder / f"{job}{index}"
    place.mkdir(exist_ok=True)
    group = {"cluster": self.cluster, "task": {"type": job, "index": index}}
    process = Fork(
      self.code,
      *self.args,
      output=self.folder / f"{len(self.started)}.out",
      place=place,
      environment={"TF_CONFIG": json.dumps(group)},
    )
    self.started.append(process)
    return process


def wait_for_checkpoint(folder: pathlib.Path, step: int, process: Fork) -> None:
  """Until the last checkpoint of a run is of this step or a later one."""
  while newest_checkpoint(folder) < step:
    assert process.status is None, (process.printed, process.errors)
    time.sleep(0.01)


def newest_checkpoint(folder: pathlib.Path) -> int:
  """The step of the last one that is whole: TensorFlow then writes its name into a list."""
  try:
    first = (folder / "checkpoints" / "checkpoint").read_text().splitlines()[0]
  except FileNotFoundError:
    return 0
  return int(first.rstrip('"').rpartition("-")[2])


def last_checkpoint(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """What the last checkpoint of a run holds: weights, averages, optimizer, generator.

  An interruption saves once more, so the number of saves is no part of what must be the same.
  """
  import tensorflow as tf

  reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if "VARIABLE_VALUE" in name and not name.startswith("save_counter")
  }


def assert_close(
  one: dict[str, np.ndarray], other: dict[str, np.ndarray], share: float = 1e-4
) -> None:
  """That all values differ by no more than this share of the largest in their array."""
  assert one.keys() == other.keys()
  for name, value in one.items():
    atol = share * (np.abs(value).max() + 1e-9)
    np.testing.assert_allclose(other[name], value, rtol=0, atol=atol, err_msg=name)


def read_events(folder: pathlib.Path) -> dict[tuple[str, int], np.ndarray]:
  """What TensorBoard would show: values by their names and steps."""
  import tensorflow as tf

  events = {}
  for file in folder.rglob("events*"):
    for record in tf.data.TFRecordDataset(str(file)):
      event = tf.compat.v1.Event.FromString(record.numpy())
      for value in event.summary.value:
        events[value.tag, event.step] = tf.make_ndarray(value.tensor)
  return events
