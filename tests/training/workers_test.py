"""Tests of compression/training/workers.py: devices, and groups of real processes on loopback."""

from __future__ import annotations

import json
import logging
import logging.handlers
import pathlib
import re
import socket
import textwrap
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import CompressionError, ConfigError
from compression.training import workers
from compression.training.config import LoopConfig
from compression.training.console import Console
from compression.training.loop import train
from compression.training.tasks.recurrent.config import Experiment, TrainConfig
from compression.training.tasks.recurrent.task import RecurrentTask
from tests.forks import Fork
from tests.training.processes import (
  Processes,
  assert_close,
  free_addresses,
  last_checkpoint,
  wait_for_checkpoint,
)
from tests.training.tiny import TinyTask

_TIMEOUT = 300  # seconds after which something hangs

GROUP = {"chief": ["a:1"], "ps": ["b:2"], "worker": ["c:3", "[::1]:4"]}


def set_group(monkeypatch: pytest.MonkeyPatch, cluster: object, job: str, index: int) -> None:
  task = {"type": job, "index": index}
  monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


def test_the_group_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
  set_group(monkeypatch, GROUP, "worker", 1)
  assert workers.read_group("parameter_server") == (GROUP, "worker", 1)
  assert workers.is_served("parameter_server") and not workers.is_served("multi_worker")
  assert workers.chief_host() == "a"
  set_group(monkeypatch, {"chief": ["[::1]:1"], "worker": ["b:2"]}, "chief", 0)
  assert workers.read_group("multi_worker").job == "chief"
  set_group(monkeypatch, {**GROUP, "chief": ["[::1]:1"]}, "chief", 0)
  assert workers.chief_host() == "[::1]"
  assert not workers.is_served("parameter_server")


@pytest.mark.parametrize("distribution", ["multi_worker", "parameter_server"])
@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cluster": {}}', '{"cluster": [1]}'])
def test_a_wrong_tf_config_is_refused(
  monkeypatch: pytest.MonkeyPatch, distribution: str, text: str
) -> None:
  monkeypatch.setenv("TF_CONFIG", text)
  with pytest.raises(ConfigError, match=f"{distribution} needs a TF_CONFIG"):
    workers.make_strategy(distribution)


@pytest.mark.parametrize(
  ("changes", "job", "index"),
  [
    ({}, "worker", 2), ({}, "worker", -1), ({}, "evaluator", 0), ({"ps": []}, "worker", 0),
    ({"chief": ["a:1", "a:2"]}, "chief", 0), ({"worker": []}, "chief", 0),
    ({"worker": ["c"]}, "chief", 0), ({"worker": ["c:d"]}, "chief", 0), ({"worker": 1}, "chief", 0),
  ],
)  # fmt: skip
def test_a_group_without_a_place_for_this_process_is_refused(
  monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], job: str, index: int
) -> None:
  set_group(monkeypatch, {**GROUP, **changes}, job, index)
  with pytest.raises(ConfigError, match="one chief"):
    workers.read_group("parameter_server")


def test_failures_of_a_group_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
  set_group(monkeypatch, GROUP, "worker", 0)
  text = "Graph execution error:\n\n/job:worker/task:0 stopped by /job:worker/replica:0/task:1 "
  for error in (tf.errors.UnavailableError, tf.errors.AbortedError):
    one_line = pytest.raises(CompressionError, match="^worker 1 has gone; start [^\n]*$")
    with one_line, workers.failures_named("multi_worker"):
      raise error(None, None, text)
    with pytest.raises(error), workers.failures_named("none"):
      raise error(None, None, text)
  unknown = pytest.raises(CompressionError, match="^a process of the group has gone")
  with unknown, workers.failures_named("multi_worker"):
    raise tf.errors.UnavailableError(None, None, "reset")


def test_lost_workers_are_told_once_until_another_one_is_lost() -> None:
  lines: list[str] = []
  logger = logging.Logger("test")
  handler = logging.handlers.BufferingHandler(100)
  logger.addHandler(handler)
  lost_workers = workers.LostWorkers(lines.append)
  logger.addFilter(lost_workers)
  for index in (0, 0, 1, 0):
    logger.error("Worker %s failed with %s", f"/job:worker/replica:0/task:{index}", "many\nlines")
  assert [line.split(" does")[0] for line in lines] == ["worker 0", "worker 1", "worker 0"]
  logger.error("another thing")
  lost_workers.end()
  logger.error("the coordinator goes on")
  assert [record.getMessage() for record in handler.buffer] == ["another thing"] and len(lines) == 3


def test_a_second_training_of_a_process_hears_of_its_lost_workers_too() -> None:
  logger = logging.Logger("coordinator")
  heard: list[list[str]] = [[], []]
  for lines in heard:
    lost_workers = workers.LostWorkers(lines.append)
    lost_workers.begin(logger)
    logger.error("Worker %s failed", "/job:worker/replica:0/task:1")
    lost_workers.end()
  assert [len(lines) for lines in heard] == [1, 1]


def test_a_worker_serves_until_the_chief_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setattr(workers, "_PROBE_SECONDS", 0.05)
  chief, server, worker = free_addresses(3)
  cluster = {"chief": [chief], "ps": [server], "worker": [worker]}
  set_group(monkeypatch, cluster, "worker", 0)
  lines: list[str] = []
  serving = threading.Thread(target=workers.serve, args=(lines.append, 0.2))
  serving.start()
  serving.join(0.5)
  assert serving.is_alive()  # a chief that has not come yet is waited for
  host, port = chief.split(":")
  with socket.create_server((host, int(port))) as listener:
    listener.accept()[0].close()
    serving.join(0.5)
    assert serving.is_alive()
  serving.join(60)
  assert not serving.is_alive()
  assert lines == [f"worker 0: serves the chief at {chief}", "worker 0: the chief has gone"]


def test_an_address_in_use_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
  with socket.create_server(("127.0.0.1", 0)) as taken:
    address = f"127.0.0.1:{taken.getsockname()[1]}"
    cluster = {"chief": ["127.0.0.1:1"], "ps": [address], "worker": ["127.0.0.1:1"]}
    set_group(monkeypatch, cluster, "ps", 0)
    with pytest.raises(CompressionError, match="cannot be joined") as caught:
      workers.serve(str)
  assert "\n" not in str(caught.value)


def config(**settings: object) -> LoopConfig:
  return LoopConfig(**{"steps": 8, "checkpoint_steps": 4, "seed": 4, **settings})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
  """What one process on one device comes to."""
  folder = tmp_path_factory.mktemp("alone")
  train(TinyTask(config()), folder, Console(str, str))
  return last_checkpoint(folder)


def group_of(folder: pathlib.Path, train_dir: str, settings: LoopConfig, **jobs: int) -> Processes:
  (folder / "config.json").write_text(settings.to_json())
  return Processes(folder, "tests.training.tiny", ["../config.json", train_dir], **jobs)


@pytest.mark.slow
def test_two_devices_learn_what_one_does(tmp_path: pathlib.Path) -> None:
  """Losses are means over the devices; weights and averages move once a step."""
  code = """
    import pathlib, sys
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    from compression.common.errors import ConfigError
    from compression.training.config import LoopConfig
    from compression.training.console import Console
    from compression.training.loop import train
    from tests.training import workers_test
    from tests.training.tiny import TinyTask

    folder = pathlib.Path(sys.argv[1])
    train(workers_test.on_photos(folder, "mirrored"), folder / "two", Console())
    try:
      train(TinyTask(LoopConfig(distribution="mirrored"), 5), folder / "odd", Console())
    except ConfigError as error:
      print(error)
  """
  noise = np.random.default_rng(0).integers(0, 256, [48, 64, 3], np.uint8)
  Image.fromarray(noise).save(tmp_path / "a.png")
  lines: list[str] = []
  train(on_photos(tmp_path, "none"), tmp_path / "one", Console(lines.append))
  process = Fork(textwrap.dedent(code), str(tmp_path), output=tmp_path / "out")
  assert process.wait() == 0, process.errors
  *said, refusal = process.printed.splitlines()
  assert refusal == "batch_size must be a multiple of the 2 devices: 5"
  assert [_words(line) for line in said] == [_words(line) for line in lines]
  for line, expected in zip(said, lines):
    assert _numbers(line) == pytest.approx(_numbers(expected), abs=2e-4), line
  assert_close(*(last_checkpoint(tmp_path / count) for count in ("one", "two")))


def on_photos(folder: pathlib.Path, distribution: str) -> RecurrentTask:
  """Two steps for the bytes, with tiles of both kinds."""
  network = RecurrentConfig("toderici2016_fc", "additive", width=1 / 32, bits=8, iterations=2)
  settings = TrainConfig(
    train_glob=f"{folder}/a.png", patch_size=16, batch_size=4, learning_rate=0.5, steps=2,
    loss="log_mse", rate_weight=1.0, rate_ramp=0.0, synthetic=0.25,
    distribution=distribution,
  )  # fmt: skip
  return RecurrentTask(Experiment(network, settings))


_NUMBER = re.compile(r"\d+\.?\d*")


def _numbers(line: str) -> list[float]:
  return [float(number) for number in _NUMBER.findall(line.split("  lr")[0])]


def _words(line: str) -> str:
  return _NUMBER.sub("", line.split("  lr")[0])


@pytest.mark.slow
def test_a_killed_worker_ends_the_others_and_all_go_on_as_if_nothing_had_been(
  tmp_path: pathlib.Path, alone: dict[str, np.ndarray]
) -> None:
  run, pause = tmp_path / "run", tmp_path / "pause-4"
  pause.touch()
  with group_of(tmp_path, str(run), config(distribution="multi_worker"), worker=2) as group:
    first, second = group.start("worker", 0), group.start("worker", 1)
    wait_for_checkpoint(run, 4, first)
    second.kill()
    pause.unlink()
    assert first.wait(_TIMEOUT) == 1
    errors = first.errors
    assert errors.startswith("error: worker 1 has gone; start") and errors.count("\n") == 1
    again = [group.start("worker", index) for index in range(2)]
    assert [process.wait(_TIMEOUT) for process in again] == [0, 0], [each.errors for each in again]
  first, second = again
  assert "; steps 4 to 8" in first.printed
  assert (second.printed, second.errors) == ("", "")  # the first speaks for all
  assert_close(alone, last_checkpoint(run))


@pytest.mark.slow
def test_with_parameter_servers_chief_and_worker_may_die_and_a_lost_server_is_one_line(
  tmp_path: pathlib.Path, alone: dict[str, np.ndarray]
) -> None:
  """And one worker with one parameter server learns what one process does."""
  run = tmp_path / "chief0" / "run"
  pauses = [tmp_path / f"pause-{step}" for step in (4, 8)]
  for pause in pauses:
    pause.touch()
  endless = config(distribution="parameter_server", steps=10**6)
  with group_of(tmp_path, "run", endless, chief=1, ps=1, worker=1) as group:
    server, worker, chief = (group.start(job) for job in ("ps", "worker", "chief"))
    wait_for_checkpoint(run, 4, chief)
    chief.kill()
    pauses[0].unlink()
    chief = group.start("chief")
    wait_for_checkpoint(run, 8, chief)
    assert_close(alone, last_checkpoint(run))

    worker.kill()
    pauses[1].unlink()
    warning = chief.wait_for_errors()
    assert warning.startswith("warning: worker 0 does not answer; training goes on")
    group.start("worker")
    wait_for_checkpoint(run, 16, chief)  # with the only worker, back again
    server.kill()
    assert chief.wait(_TIMEOUT) == 1
  errors = chief.errors.removeprefix(warning)
  assert errors.startswith("error: ps 0 has gone; start") and errors.count("\n") == 1
  assert chief.printed.startswith("line: ") and "; steps 4 to 1000000" in chief.printed
  assert not (tmp_path / "ps0" / "run").exists() and not (tmp_path / "worker0" / "run").exists()
