"""Groups of training processes on this machine, and what they leave, for tests."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np

from compression.training.config import Experiment

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_addresses(count: int) -> list[str]:
  sockets = [socket.socket() for _ in range(count)]
  for each in sockets:
    each.bind(("127.0.0.1", 0))
  addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
  for each in sockets:
    each.close()
  return addresses


class Processes:
  """A group of processes of `python -m compression.train` on this machine; killed in the end.

  Each has an empty folder of its own as working directory, as on machines without a shared disk.
  """

  def __init__(self, folder: pathlib.Path, settings: Experiment, train_dir: str, **jobs: int):
    (folder / "experiment.json").write_text(settings.to_json())
    self.folder, self.train_dir = folder, train_dir
    addresses = iter(free_addresses(sum(jobs.values())))
    self.cluster = {job: [next(addresses) for _ in range(count)] for job, count in jobs.items()}
    self.started: list[subprocess.Popen[str]] = []

  def __enter__(self) -> Processes:
    return self

  def __exit__(self, *error: object) -> None:
    for process in self.started:
      process.kill()
      process.communicate()

  def start(self, job: str, index: int = 0) -> subprocess.Popen[str]:
    place = self.folder / f"{job}{index}"
    place.mkdir(exist_ok=True)
    group = {"cluster": self.cluster, "task": {"type": job, "index": index}}
    command = ["-m", "compression.train", "--config=../experiment.json"]
    process = subprocess.Popen(
      [sys.executable, *command, f"--train_dir={self.train_dir}"],
      cwd=place,
      env={**os.environ, "PYTHONPATH": str(_ROOT), "TF_CONFIG": json.dumps(group)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    self.started.append(process)
    return process


def wait_for_checkpoint(folder: pathlib.Path, process: subprocess.Popen[str]) -> None:
  while not (folder / "checkpoints" / "checkpoint").exists():
    assert process.poll() is None, process.communicate()
    time.sleep(0.01)


def newest_checkpoint(folder: pathlib.Path) -> int:
  return max(int(path.stem.split("-")[1]) for path in (folder / "checkpoints").glob("*.index"))


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
