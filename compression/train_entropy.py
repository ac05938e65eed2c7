"""Trains an entropy coder on codes, with the flags and configurations of the 2017 release.

  python tools/make_codes.py --images='photos/*' --output=codes.tfrecord.gz
  python -m compression.train_entropy --train_dir=run --codes=codes.tfrecord.gz
  python -m compression.train_entropy --train_dir=run --model=progressive \\
      --model_config=model_config.json --train_config=train_config.json \\
      --input_config=input_config.json

On the release's synthetic codes, of 0.7219 bits per bit, the code length comes to 0.722:

  python tools/gen_synthetic_dataset.py --dataset_dir=synthetic
  echo '{"layer_depth": 2, "layer_count": 4, "raster_layers": 4, "shared_from": 4, "context": 7,
         "groups": 2, "hidden": 48, "state": 32, "group_hidden": 32}' > model.json
  echo '{"batch_size": 4, "learning_rate": 0.003}' > train.json
  python -m compression.train_entropy --train_dir=synthetic/run --steps=2500 \\
      --model_config=model.json --train_config=train.json \\
      --input_config=synthetic/input_config.json

With {"optimizer": "muon", "learning_rate": 0.005} and --init=models/mobile/entropy_coder it takes a
fraction of the steps. The result is the folder run/entropy_coder: it belongs into the folder of the
model whose codes it has learned from. Cut off at any moment, the same command goes on from the last
checkpoint. --distribution trains on several devices, or with a group of processes, as that of
compression.train does.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags

from compression.common import program
from compression.entropy.bits.configs import DEFAULT_MODEL
from compression.training import console
from compression.training.config import LoopConfig
from compression.training.tasks.bits.config import (
  EntropyExperiment,
  EntropyTrainConfig,
  InputConfig,
  check_resumable,
  read,
)

_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "the folder of the run, made if need be")
_MODEL = flags.DEFINE_string("model", DEFAULT_MODEL, "the probability model, or progressive")
_MODEL_CONFIG = flags.DEFINE_string("model_config", None, "its architecture, a JSON file")
_TRAIN_CONFIG = flags.DEFINE_string("train_config", None, "how it is trained, a JSON file")
_INPUT_CONFIG = flags.DEFINE_string("input_config", None, "what it is trained on, a JSON file")
_CODES = flags.DEFINE_string("codes", None, "a file of codes, or a pattern; instead of its 'data'")
_INIT = flags.DEFINE_string("init", None, "an entropy coder's folder to start from, else at random")
_STEPS = flags.DEFINE_integer("steps", None, "instead of those of the JSON file", lower_bound=1)

_SETTINGS = {field.name: field.metadata for field in dataclasses.fields(LoopConfig)}
_DISTRIBUTION = flags.DEFINE_enum(
  "distribution",
  None,
  _SETTINGS["distribution"]["choices"],
  f"{_SETTINGS['distribution']['help']}; instead of that of the JSON file",
)

# The release's, for training with parameter servers.
_MASTER = flags.DEFINE_string("master", "", "only the empty default: see --distribution")
_TASK = flags.DEFINE_integer("task", 0, "only 0: see --distribution")
_PS_TASKS = flags.DEFINE_integer("ps_tasks", 0, "only 0: see --distribution")


def main(argv: list[str]) -> int:
  if argv:
    raise program.UsageError(f"takes flags only: {argv[0]!r}; --help shows the usage")
  if not _TRAIN_DIR.value:
    raise program.UsageError("--train_dir is missing; --help shows the usage")
  for flag in (_MASTER, _TASK, _PS_TASKS):
    if flag.value != flag.default:
      raise program.UsageError(
        f"--{flag.name}={flag.value}: went with TensorFlow 1; --distribution trains with a group"
      )
  if _INPUT_CONFIG.value is None and _CODES.value is None:
    raise program.UsageError("--codes or --input_config is missing; --help shows the usage")

  from compression.entropy.bits import models

  folder = pathlib.Path(_TRAIN_DIR.value)
  experiment = EntropyExperiment(
    name=_MODEL.value,
    model=_config(_MODEL_CONFIG, models.find(_MODEL.value).config),
    training=_config(
      _TRAIN_CONFIG,
      EntropyTrainConfig,
      steps=_STEPS.value,
      init=_INIT.value,
      distribution=_DISTRIBUTION.value,
    ),
    input=_config(_INPUT_CONFIG, InputConfig, data=_CODES.value),
  )
  check_resumable(experiment, folder)

  from compression.training.loop import train
  from compression.training.tasks.bits.task import BitsTask

  talk = console.Console(console.say, program.warn, on_terminal=sys.stderr.isatty())
  return console.exit_status(train(BitsTask(experiment), folder, talk))


def _config(file: flags.FlagHolder, kind: Any, **changes: Any) -> Any:
  """What a JSON file says, or the defaults; flags that are given have the last word."""
  config = kind() if file.value is None else read(file.value, kind)
  given = {name: value for name, value in changes.items() if value is not None}
  return dataclasses.replace(config, **given)


if __name__ == "__main__":
  program.run(main)
