"""Trains a model on photos.

  python -m compression.train --train_glob='photos/*' --train_dir=run
  python -m compression.train --train_records=tiles@8.tfrecord --train_dir=run
  python -m compression.train --config=experiment.json --train_dir=run --steps=40000
  python -m compression.train --train_dir=run                         goes on where it was

The result is the folder run/model: --model=run/model gives it to the other programs. Cut off at any
moment, the same command goes on from the last checkpoint. `tensorboard --logdir=run` shows how it
goes. An experiment file holds {"model": {...}, "training": {...}} with the flags' names as keys;
flags have the last word.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags

from compression import program
from compression.errors import ConfigError
from compression.image_coder.config import FRAMEWORKS, MAX_ITERATIONS, UNITS, CodecConfig
from compression.training import config as config_lib
from compression.training.config import TrainConfig

_SIGNAL_STATUS = 128  # what shells add to the number of a signal

_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "the folder of the run, made if need be")
_CONFIG = flags.DEFINE_string("config", None, "an experiment file")

# A flag that is not given is None, and leaves what the experiment file or the default says.
_MODEL_DEFAULTS = CodecConfig()
_MODEL_FLAGS = (
  flags.DEFINE_enum("unit", None, UNITS, f"the recurrent unit (default {_MODEL_DEFAULTS.unit})"),
  flags.DEFINE_enum(
    "framework", None, FRAMEWORKS, f"of reconstruction (default {_MODEL_DEFAULTS.framework})"
  ),
  flags.DEFINE_float(
    "width",
    None,
    f"scales the depth of the layers; 1 is the paper's (default {_MODEL_DEFAULTS.width})",
  ),
  flags.DEFINE_integer(
    "bits", None, f"of a 16x16 block and iteration (default {_MODEL_DEFAULTS.bits})"
  ),
  flags.DEFINE_integer(
    "iterations",
    None,
    f"how many the model has (default {_MODEL_DEFAULTS.iterations})",
    lower_bound=1,
    upper_bound=MAX_ITERATIONS,
  ),
)


def _define_flag(field: dataclasses.Field) -> flags.FlagHolder:
  """The flag of a field of TrainConfig; its default is None."""
  limits = field.metadata
  default = f" (default {field.default})" if field.default != "" else ""
  text = limits["help"] + default
  bounds: dict[str, Any] = {"lower_bound": limits.get("low"), "upper_bound": limits.get("high")}
  if isinstance(field.default, bool):
    return flags.DEFINE_bool(field.name, None, text)
  if isinstance(field.default, int):
    return flags.DEFINE_integer(field.name, None, text, **bounds)
  if isinstance(field.default, float):
    return flags.DEFINE_float(field.name, None, text, **bounds)
  if "choices" in limits:
    return flags.DEFINE_enum(field.name, None, limits["choices"], text)
  return flags.DEFINE_string(field.name, None, text)


_TRAIN_FLAGS = tuple(_define_flag(field) for field in dataclasses.fields(TrainConfig))


def main(argv: list[str]) -> int:
  if argv:
    raise program.UsageError(f"takes flags only: {argv[0]!r}; --help shows the usage")
  if not _TRAIN_DIR.value:
    raise program.UsageError("--train_dir is missing; --help shows the usage")
  folder = pathlib.Path(_TRAIN_DIR.value)
  experiment = _experiment(folder)
  if not (experiment.training.train_glob or experiment.training.train_records):
    raise program.UsageError("--train_glob or --train_records is missing; --help shows the usage")
  config_lib.check_resumable(experiment, folder)

  from compression.training.run import Console, train

  console = Console(_say, program.warn, on_terminal=sys.stderr.isatty())
  stopped = train(experiment, folder, console)
  return 0 if stopped is None else _SIGNAL_STATUS + stopped


def _experiment(folder: pathlib.Path) -> config_lib.Experiment:
  """From the run or the model to start from, then the file, then the flags."""
  path = _CONFIG.value
  in_file: dict[str, Any] = config_lib.read(pathlib.Path(path)) if path is not None else {}
  given = {"model": _given(_MODEL_FLAGS), "training": _given(_TRAIN_FLAGS)}
  # First by itself, so that a wrong key is known to be the file's.
  try:
    of_file = config_lib.Experiment().override(in_file)
  except ConfigError as error:
    raise ConfigError(f"{path}: {error}") from error
  base = config_lib.base(folder, given["training"].get("init", of_file.training.init))
  experiment = base.override(in_file)
  try:
    return experiment.override(given)
  except ConfigError as error:
    raise program.UsageError(str(error)) from error


def _given(holders: tuple[flags.FlagHolder, ...]) -> dict[str, Any]:
  return {holder.name: holder.value for holder in holders if holder.value is not None}


def _say(line: str) -> None:
  print(line, flush=True)


if __name__ == "__main__":
  program.run(main)
