"""Which devices and processes train, and what happens when one of the processes dies.

A group of processes runs the same command, each with its own place in TF_CONFIG:

    multi_worker       {"cluster": {"worker": [...]}, "task": {"type": "worker", "index": 0}}
                       All compute a part of every batch and wait for each other. If one dies, the
                       others end at once, or after 10 s if it only falls silent: start them again.
    parameter_server   {"cluster": {"chief": [one], "ps": [...], "worker": [...]}, "task": ...}
                       Each worker takes the next batch when it is ready, so with several of them
                       gradients are of weights a few steps old. A worker may die and come back at
                       any time; another one makes its step again, which may then count twice. The
                       chief speaks and saves. If it dies, start it again; if a parameter server
                       dies, start both.

Either way training goes on from the last checkpoint: nothing is lost but the steps since.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from compression.common.errors import CompressionError, ConfigError

MULTI_WORKER = "multi_worker"
PARAMETER_SERVER = "parameter_server"

_JOBS = {MULTI_WORKER: ("worker",), PARAMETER_SERVER: ("chief", "ps", "worker")}
"""The jobs of each kind of group; each has at least one process."""

_CHIEF = "chief"
_PATIENCE = 60.0
"""Seconds after which a chief that cannot be reached is taken to be done: a restart takes fewer."""

_PROBE_SECONDS = 1.0
_PROBE_TIMEOUT = 5.0

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError)
"""What TensorFlow raises when another process of the group has gone."""

_PROCESS = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
"""How TensorFlow names a process of a group in its errors."""


class Group(NamedTuple):
  """What TF_CONFIG says.

  Attributes:
    cluster: the addresses "host:port" of each job.
    job, task: which of them this process is, the task counted from 0.
  """

  cluster: dict[str, list[str]]
  job: str
  task: int


def read_group(distribution: str) -> Group:
  """The group of processes that this one is in.

  Raises:
    ConfigError: if TF_CONFIG does not describe one that this distribution can use.
  """
  needed = _JOBS[distribution]
  try:
    config = json.loads(os.environ["TF_CONFIG"])
    cluster = {job: list(addresses) for job, addresses in config["cluster"].items()}
    job, task = config["task"]["type"], int(config["task"]["index"])
    for address in sum(cluster.values(), []):
      _address(address)
    fits = len(cluster.get(_CHIEF, [""])) == 1 and all(cluster.get(each) for each in needed)
    if not fits or job not in (_CHIEF, *needed) or not 0 <= task < len(cluster[job]):
      raise ValueError
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    one_chief = " with one chief" if _CHIEF in needed else ""
    raise ConfigError(
      f"distribution {distribution} needs a TF_CONFIG in the environment that lists the addresses"
      f" host:port of each {', '.join(needed)}{one_chief}, and names the task of this process"
    ) from error
  return Group(cluster, job, task)


def make_strategy(distribution: str) -> tf.distribute.Strategy:
  """The devices that train: those of LoopConfig.distribution.

  Raises:
    ConfigError: if TF_CONFIG does not describe the group.
    CompressionError: if the group cannot be joined.
  """
  if distribution == "none":
    return tf.distribute.get_strategy()
  if distribution == "mirrored":
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])
  read_group(distribution)
  with failures_named(distribution), _joining():
    if distribution == MULTI_WORKER:
      return tf.distribute.MultiWorkerMirroredStrategy()
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    return tf.distribute.ParameterServerStrategy(resolver)


def is_served(distribution: str) -> bool:
  """Whether this process only does what a chief tells it to.

  Raises:
    ConfigError: if TF_CONFIG does not describe the group.
  """
  return distribution == PARAMETER_SERVER and read_group(distribution).job != _CHIEF


def chief_host() -> str:
  """Where the others reach the chief, as TF_CONFIG has it: IPv6 in brackets.

  Raises:
    ConfigError: if TF_CONFIG does not describe the group.
  """
  return _address(read_group(PARAMETER_SERVER).cluster[_CHIEF][0])[0]


def serve(say: Callable[[str], None], patience: float = _PATIENCE) -> None:
  """A worker or parameter server: returns when the chief was there and has gone for good.

  Args:
    say: takes lines about what goes on.
    patience: seconds for which it waits for a chief that has gone to come back.

  Raises:
    ConfigError: if TF_CONFIG does not describe the group.
    CompressionError: if the address of this process cannot be used.
  """
  group = read_group(PARAMETER_SERVER)
  with _joining():
    server = tf.distribute.Server(group.cluster, group.job, group.task, protocol="grpc")
  chief = group.cluster[_CHIEF][0]
  say(f"{group.job} {group.task}: serves the chief at {chief}")
  last_seen: float | None = None
  while True:
    if _answers(chief):
      last_seen = time.monotonic()
    elif last_seen is not None and time.monotonic() - last_seen >= patience:
      break
    time.sleep(_PROBE_SECONDS)
  say(f"{group.job} {group.task}: the chief has gone")
  del server  # it has served until here


def update(
  strategy: tf.distribute.Strategy,
  change: Callable[..., None],
  variables: Sequence[tuple[tf.Variable, ...]],
  *values: tf.Tensor,
) -> None:
  """Changes variables in a training step, once each, however many replicas there are.

  Args:
    strategy: of the step.
    change: takes the variables of a tuple, and the values; assigns to the first variable.
    variables: tuples of the variable to change and others that this takes.
    *values: tensors, the same in every replica.
  """

  def change_all(strategy: tf.distribute.Strategy, *values: Any) -> None:
    for first, *others in variables:
      strategy.extended.update(first, change, args=(*others, *values), group=False)

  # What Keras' own optimizers update variables with.
  tf.__internal__.distribute.interim.maybe_merge_call(change_all, strategy, *values)


def wait_for_steps(strategy: tf.distribute.Strategy) -> None:
  """Until all steps that were begun are done: parameter servers let them run on their own."""
  if isinstance(strategy, tf.distribute.ParameterServerStrategy):
    tf.distribute.coordinator.ClusterCoordinator(strategy).join()  # one for each strategy


def checkpoint_options() -> tf.train.CheckpointOptions:
  """In the scope of a strategy: parameter servers would write what they hold to disks of theirs."""
  if isinstance(tf.distribute.get_strategy(), tf.distribute.ParameterServerStrategy):
    return tf.train.CheckpointOptions(experimental_io_device=f"/job:{_CHIEF}/task:0/device:CPU:0")
  return tf.train.CheckpointOptions()


@contextlib.contextmanager
def failures_named(distribution: str) -> Iterator[None]:
  """In a group of processes: raises CompressionError when another one has gone.

  Else the user would see TensorFlow's traceback of some hundred lines.
  """
  try:
    yield
  except LOST as error:
    if distribution not in _JOBS:
      raise
    group = read_group(distribution)
    # TensorFlow may name the device that waited, too.
    others = [one for one in _processes(str(error)) if one != f"{group.job} {group.task}"]
    raise CompressionError(
      f"{others[0] if others else 'a process of the group'} has gone; start what has ended again,"
      " with the same command: it goes on from the last checkpoint"
    ) from error


@contextlib.contextmanager
def _joining() -> Iterator[None]:
  """Raises CompressionError if this process cannot use its address."""
  try:
    yield
  except tf.errors.UnknownError as error:
    reason = str(error).splitlines()[0]
    raise CompressionError(f"the group of TF_CONFIG cannot be joined: {reason}") from error


def _processes(text: str) -> list[str]:
  """The processes that a message of TensorFlow names: "worker 1", ..."""
  return [f"{job} {task}" for job, task in _PROCESS.findall(text)]


class LostWorkers(logging.Filter):
  """Makes a line for the user of what TensorFlow's coordinator logs about workers that fail.

  It stays where it is when the training ends: the coordinator's threads go on until the process
  does, and log what a lost parameter server leaves undone. Of that it says nothing.
  """

  def __init__(self, warn: Callable[[str], None]):
    super().__init__()
    self._warn = warn
    self._last = ""
    self._ended = False

  def begin(self, logger: logging.Logger) -> None:
    """Stands in the place of those of trainings before, which would hide what this one shows."""
    for each in [each for each in logger.filters if isinstance(each, LostWorkers)]:
      logger.removeFilter(each)
    logger.addFilter(self)

  def end(self) -> None:
    """The training has ended."""
    self._ended = True

  def filter(self, record: logging.LogRecord) -> bool:
    if self._ended:
      return False
    names = _processes(record.getMessage())
    if not names:
      return True
    line = f"{names[0]} does not answer; training goes on, with it once it is back"
    if line != self._last:  # it is logged for each step that has failed
      self._warn(line)
    self._last = line
    return False


def _answers(address: str) -> bool:
  """Whether somebody listens there."""
  try:
    host, port = _address(address)
    socket.create_connection((host.strip("[]"), port), _PROBE_TIMEOUT).close()
  except OSError:
    return False
  return True


def _address(text: str) -> tuple[str, int]:
  """Host and port; raises ValueError if it is not host:port."""
  host, _, port = text.rpartition(":")
  if not host:
    raise ValueError(f"must be host:port: {text!r}")
  return host, int(port)
