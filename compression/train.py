"""Trains a model on photos.

  python -m compression.train --train_glob='photos/*' --train_dir=run
  python -m compression.train --train_records=tiles@8.tfrecord --train_dir=run
  python -m compression.train --config=experiment.json --train_dir=run --steps=40000
  python -m compression.train --train_dir=run                         goes on where it was

The result is the folder run/model: --model=run/model gives it to the other programs. Cut off at any
moment, the same command goes on from the last checkpoint. `tensorboard --logdir=run` shows how it
goes. An experiment file holds {"model": {...}, "training": {...}} with the flags' names as keys;
flags have the last word. models/*/training/ has those of the released models.

Files cost what an entropy coder leaves of the bits, which are a part of the loss. A model beside
the networks estimates them; the coder that is shipped is trained afterwards, by
compression.train_entropy. With --init, the validation says what was gained over its files. The
paper trains for the distortion alone: --loss=l1 --rate_weight=0 --synthetic=0

--distribution=multi_worker and parameter_server train with a group of processes: start this command
for each, with the group and its place in TF_CONFIG.
  multi_worker: {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}.
    All work on each batch; they need the same photos and --train_dir. If one dies, the others end
    with status 1, after some 10 seconds at most; start all of them again.
  parameter_server: {"cluster": {"chief": [one], "ps": [...], "worker": [...]}, "task": {...}}.
    Each worker works on batches of its own, at its own pace; only the chief needs photos and the
    --train_dir. A worker that dies may be started again at any time. If the chief or a ps dies,
    start the chief again (and the ps). Workers and ps end a minute after the chief.
Either way training goes on from the last checkpoint. Addresses are open to whoever reaches them:
use them in a network of your own only.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags

from compression.codecs.recurrent.config import (
  FRAMEWORKS,
  MAX_ITERATIONS,
  MAX_PRIMING,
  UNITS,
  UNITS_OF_2016,
)
from compression.common import program
from compression.common.errors import ConfigError
from compression.training import console
from compression.training.config import read
from compression.training.tasks.recurrent import config as config_lib
from compression.training.tasks.recurrent.config import TrainConfig

_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "the folder of the run, made if need be")
_CONFIG = flags.DEFINE_string("config", None, "an experiment file")

# A flag that is not given is None, and leaves what the experiment file or the default says.
_MODEL_DEFAULTS = config_lib.Experiment().model
_MODEL_FLAGS = (
  flags.DEFINE_enum(
    "unit",
    None,
    (*UNITS, *UNITS_OF_2016),
    f"the recurrent unit, or the networks of the paper before (default {_MODEL_DEFAULTS.unit})",
  ),
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
  flags.DEFINE_bool(
    "use_bias",
    None,
    f"biases in every convolution, as in the paper (default {_MODEL_DEFAULTS.use_bias})",
  ),
  flags.DEFINE_integer(
    "priming",
    None,
    "steps of encoder and decoder before the first code counts, as in Johnston et al. 2018 (default"
    f" {_MODEL_DEFAULTS.priming})",
    lower_bound=0,
    upper_bound=MAX_PRIMING,
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

  from compression.training.loop import train
  from compression.training.tasks.recurrent.task import RecurrentTask

  talk = console.Console(console.say, program.warn, on_terminal=sys.stderr.isatty())
  return console.exit_status(train(RecurrentTask(experiment), folder, talk))


def _experiment(folder: pathlib.Path) -> config_lib.Experiment:
  """From the run or the model to start from, then the file, then the flags."""
  path = _CONFIG.value
  in_file: dict[str, Any] = read(pathlib.Path(path)) if path is not None else {}
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


if __name__ == "__main__":
  program.run(main)
