"""Trains a model on photos.

  python -m compression.train --train_glob='photos/*' --train_dir=run
  python -m compression.train --train_records=tiles@8.tfrecord --train_dir=run
  python -m compression.train --config=experiment.json --train_dir=run --steps=40000
  python -m compression.train --train_dir=run                         goes on where it was

The result is the folder run/model: --model=run/model gives it to the other programs. Cut off at any
moment, the same command goes on from the last checkpoint. `tensorboard --logdir=run` shows how it
goes. An experiment file holds {"model": {...}, "training": {...}} with the flags' names as keys;
flags have the last word. models/*/training/ has those of the released models.

--codec says what is trained: recurrent, the paper's network, unless another is named.
  python -m compression.train --codec=balle2017 --lambda=0.05 --train_glob='photos/*' --train_dir=4
  python -m compression.train --codec=balle2017 --lambda=0.018 --init=4/model ... --train_dir=3
  python -m compression.train --codec=dpcm_mlp --train_glob='photos/*' --train_dir=run
Of balle2017 and hu2020 a run makes one quality; tools/join_qualities.py makes one model of several.

Files of the recurrent network cost what an entropy coder leaves of the bits, which are a part of
its loss. A model beside the networks estimates them; the coder that is shipped is trained
afterwards, by compression.train_entropy. With --init, the validation says what was gained over its
files. The paper trains for the distortion alone: --loss=l1 --rate_weight=0 --synthetic=0

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

import copy
import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags

from compression.codecs.model_folders import CODEC_KEY
from compression.common import program
from compression.common.config import flag_name
from compression.common.errors import ConfigError
from compression.training import console, experiment
from compression.training.config import is_begun, read
from compression.training.experiment import Experiment
from compression.training.tasks.known import EXPERIMENTS, make_task

_DEFAULT_CODEC = next(iter(EXPERIMENTS))

_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "the folder of the run, made if need be")
_CONFIG = flags.DEFINE_string("config", None, "an experiment file")
_CODEC = flags.DEFINE_enum(
  CODEC_KEY, None, list(EXPERIMENTS), f"whose weights are trained (default {_DEFAULT_CODEC})"
)

_PARTS = ("model", "training")
_PLACES = ("train_glob", "train_records")
"""Settings that say where photos are; a run must have one of those that its codec has."""


def _fields(codec: str, part: str) -> dict[str, dataclasses.Field]:
  """The settings of a part of a codec's experiments, by the names of their flags."""
  settings = getattr(EXPERIMENTS[codec](), part)
  found = {}
  for field in map(copy.copy, dataclasses.fields(settings)):
    if field.metadata:
      field.default = getattr(settings, field.name)  # an experiment may have another
      found[flag_name(field)] = field
  return found


def _define_flag(name: str, of_codecs: dict[str, dataclasses.Field]) -> flags.FlagHolder:
  """The flag of a setting, which several codecs may have.

  A flag that is not given is None, and leaves what the experiment file or the default says. Where
  codecs allow different values, it takes all of them: the experiment checks them again.
  """
  fields = list(of_codecs.values())
  first, limits = fields[0].default, fields[0].metadata
  text = _help(of_codecs)
  if isinstance(first, bool):
    return flags.DEFINE_bool(name, None, text)
  if isinstance(first, (int, float)):
    lows: list[Any] = [field.metadata.get("low") for field in fields]
    highs: list[Any] = [field.metadata.get("high") for field in fields]
    bounds: dict[str, Any] = {
      "lower_bound": None if None in lows else min(lows),
      "upper_bound": None if None in highs else max(highs),
    }
    define = flags.DEFINE_integer if isinstance(first, int) else flags.DEFINE_float
    return define(name, None, text, **bounds)
  if "choices" in limits:
    choices = dict.fromkeys(each for field in fields for each in field.metadata["choices"])
    return flags.DEFINE_enum(name, None, list(choices), text)
  return flags.DEFINE_string(name, None, text)


def _help(of_codecs: dict[str, dataclasses.Field]) -> str:
  """What a flag is for, the codecs that have it if not all do, and its defaults."""
  texts: dict[str, list[str]] = {}
  defaults: dict[Any, list[str]] = {}
  for codec, field in of_codecs.items():
    texts.setdefault(field.metadata["help"], []).append(codec)
    defaults.setdefault(field.default, []).append(codec)
  if len(texts) == 1 and len(of_codecs) == len(EXPERIMENTS):
    text = next(iter(texts))
  else:
    text = "; ".join(f"{', '.join(codecs)}: {each}" for each, codecs in texts.items())
  if list(defaults) == [""]:
    return text
  if len(defaults) == 1:
    return f"{text} (default {next(iter(defaults))})"
  by_codec = ", ".join(f"{', '.join(codecs)} {value}" for value, codecs in defaults.items())
  return f"{text} (default of {by_codec})"


def _define_flags() -> dict[str, flags.FlagHolder]:
  """Those of all settings of all codecs."""
  found: dict[str, dict[str, dataclasses.Field]] = {}
  for codec in EXPERIMENTS:
    for part in _PARTS:
      for name, field in _fields(codec, part).items():
        found.setdefault(name, {})[codec] = field
  return {name: _define_flag(name, of_codecs) for name, of_codecs in found.items()}


_FLAGS = _define_flags()


def main(argv: list[str]) -> int:
  if argv:
    raise program.UsageError(f"takes flags only: {argv[0]!r}; --help shows the usage")
  if not _TRAIN_DIR.value:
    raise program.UsageError("--train_dir is missing; --help shows the usage")
  folder = pathlib.Path(_TRAIN_DIR.value)
  wanted = _experiment(folder)
  places = [name for name in _PLACES if hasattr(wanted.training, name)]
  if not any(getattr(wanted.training, name) for name in places):
    missing = " or ".join(f"--{name}" for name in places)
    raise program.UsageError(f"{missing} is missing; --help shows the usage")
  wanted.check_resumable(folder)

  from compression.training.loop import train

  talk = console.Console(console.say, program.warn, on_terminal=sys.stderr.isatty())
  return console.exit_status(train(make_task(wanted), folder, talk))


def _experiment(folder: pathlib.Path) -> Experiment:
  """From the run or the model to start from, then the file, then the flags."""
  path = _CONFIG.value
  in_file: dict[str, Any] = read(pathlib.Path(path)) if path is not None else {}
  codec = _codec(folder, in_file)
  kind = EXPERIMENTS[codec]
  given = _given(codec)
  # First by itself, so that a wrong key is known to be the file's.
  try:
    of_file = kind().override(in_file)
  except ConfigError as error:
    raise ConfigError(f"{path}: {error}") from error
  base = kind.base(folder, given["training"].get("init", of_file.training.init))
  wanted = base.override(in_file)
  try:
    return wanted.override(given)
  except ConfigError as error:
    raise program.UsageError(str(error)) from error


def _codec(folder: pathlib.Path, in_file: Any) -> str:
  """That of the flag, of the run or of the file; they must not say different ones."""
  codec = _CODEC.value
  places = {}
  if is_begun(folder):
    places[str(folder)] = experiment.codec_in(folder / experiment.FILE)
  if isinstance(in_file, dict) and CODEC_KEY in in_file:
    places[str(_CONFIG.value)] = experiment.codec_of(in_file)
  for place, found in places.items():
    if found not in EXPERIMENTS:
      raise ConfigError(f"{place}: is of codec {found!r}; known: {', '.join(EXPERIMENTS)}")
    if codec not in (None, found):
      raise ConfigError(f"{place}: is of codec {found}, and not of {codec}")
    codec = found
  return codec or _DEFAULT_CODEC


def _given(codec: str) -> dict[str, Any]:
  """What flags say, by part and setting; raises UsageError for those of other codecs."""
  values = {name: flag.value for name, flag in _FLAGS.items() if flag.value is not None}
  given: dict[str, Any] = {}
  for part in _PARTS:
    fields = _fields(codec, part)
    given[part] = {fields[name].name: values.pop(name) for name in fields if name in values}
  for name in values:
    others = [each for each in EXPERIMENTS for p in _PARTS if name in _fields(each, p)]
    raise program.UsageError(
      f"--{name} is of the codec {' or '.join(others)}, and here {codec} is trained"
    )
  return given


if __name__ == "__main__":
  program.run(main)
