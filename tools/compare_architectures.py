"""Trains recurrent units in reconstruction frameworks, all alike, and compares what they learn.

  python tools/compare_architectures.py --train_glob='photos/*.jpg' --images='kodak/*.png' \\
      --output_dir=architectures --steps=1000

Table 1 of Toderici et al. (CVPR 2017) at any cost: areas under the curves of MS-SSIM and PSNR-HVS
over the bits per pixel before entropy coding. Each pair of a unit and a framework is a run of
compression.train in a folder of its own, with the same photos, seed and steps; --config is an
experiment file with all else. The table is printed and written to table.md, what it comes from to
results.csv. Killed at any moment, the same command goes on.
"""

from __future__ import annotations

import functools
import pathlib
import signal
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs.base import Codec
from compression.codecs.model_folders import Model
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS
from compression.common import program, workers
from compression.common.files import atomic_write, make_folder
from compression.evaluation import means, runner, tables
from compression.evaluation.points import Point, measure
from compression.evaluation.results import Results, describe_run
from compression.evaluation.trials import Trial
from compression.training import console
from compression.training.experiment import MODEL
from compression.training.tasks.recurrent.config import Experiment

_TRAIN_GLOB = flags.DEFINE_string("train_glob", None, "a pattern of training photos")
_IMAGES = flags.DEFINE_string("images", None, "a pattern of other photos, to measure on")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "the folder of all runs; made if need be")
_CONFIG = flags.DEFINE_string("config", None, "an experiment file")
_STEPS = flags.DEFINE_integer("steps", None, "of each training", lower_bound=1)
_UNITS = flags.DEFINE_list("units", list(UNITS), "the recurrent units")
_FRAMEWORKS = flags.DEFINE_list("frameworks", list(FRAMEWORKS), "the reconstruction frameworks")
_JOBS = flags.DEFINE_integer("jobs", 1, "photos measured at a time", 1, 1024)

TABLE_FILE = "table.md"


class Run(NamedTuple):
  """The training of a pair: `folder` is named after it."""

  experiment: Experiment
  folder: pathlib.Path


def main(argv: list[str]) -> int:
  train_glob, pattern, output_dir = program.require(argv, _TRAIN_GLOB, _IMAGES, _OUTPUT_DIR)
  photos, problems = runner.name_photos(program.expand([pattern]))
  for line in problems:
    program.warn(f"{line}; left out")
  runs = _runs(train_glob, pathlib.Path(output_dir))
  folder = make_folder(output_dir)
  program.end_cleanly_when_terminated()
  for run in runs:
    # A process each: TensorFlow never gives back what an earlier training took.
    (stopped,) = workers.run(_train, [run], 1, workers.ALL_THREADS)
    if stopped is not None:
      return console.exit_status(stopped)
  table = _compare([run.folder for run in runs], photos, folder)
  with atomic_write(folder / TABLE_FILE) as file:
    file.write(f"{table}\n".encode())
  print(table)
  return 0


def _runs(train_glob: str, folder: pathlib.Path) -> list[Run]:
  """All pairs, once it is clear that each can be trained, or gone on with."""
  training: dict[str, object] = {"train_glob": train_glob}
  if _STEPS.value is not None:
    training["steps"] = _STEPS.value
  path = _CONFIG.value
  shared = Experiment() if path is None else Experiment.load(pathlib.Path(path))
  runs = []
  for unit in _UNITS.value:
    for framework in _FRAMEWORKS.value:
      pair = {"model": {"unit": unit, "framework": framework}, "training": training}
      run = Run(shared.override(pair), folder / f"{unit}-{framework}")
      run.experiment.check_resumable(run.folder)
      runs.append(run)
  if not runs:
    raise program.UsageError("no pair is left: --units or --frameworks is empty")
  return runs


def _train(run: Run) -> signal.Signals | None:
  from compression.training.loop import train
  from compression.training.tasks.recurrent.task import RecurrentTask

  def say(line: str) -> None:
    print(f"{run.folder.name}: {line}", file=sys.stderr, flush=True)

  return train(RecurrentTask(run.experiment), run.folder, console.Console(say, program.warn))


def _model(folder: pathlib.Path) -> RecurrentCodec:
  """What the run in this folder has made, under the folder's name."""
  return RecurrentCodec(Model(folder.name, folder / MODEL))


def _compare(
  folders: list[pathlib.Path], photos: dict[str, pathlib.Path], output: pathlib.Path
) -> str:
  """The table, when all photos have been measured with all models."""
  codecs = [_model(folder) for folder in folders]
  threads = workers.threads_each(_JOBS.value)
  with Results(output, describe_run(codecs, photos)) as results:
    tasks = [
      (folder, photo)
      for folder in folders
      for name, photo in photos.items()
      if not results.has(name, folder.name)
    ]
    for points in workers.run(_measure, tasks, _JOBS.value, threads) if tasks else ():
      results.add(points)
    return tables.markdown(tables.auc_table(means.means(results.points), kodak=False))


def _measure(task: tuple[pathlib.Path, pathlib.Path]) -> list[Point]:
  from compression.images.photos import read_photo

  folder, photo = task
  return measure(_loaded(folder), photo.name, read_photo(photo).image, _bare_trials)


def _bare_trials(codec: Codec, image: np.ndarray) -> Iterator[Trial]:
  """Each number of iterations, in as many bytes as its bits would fill; nothing is timed."""
  assert isinstance(codec, RecurrentCodec)
  height, width, _ = image.shape
  bits = codec.encode(image)
  for count, decoded in enumerate(codec.decode(bits), 1):
    size = bits[:count].size // 8
    yield Trial(
      setting=count,
      size=size,
      image=decoded[:height, :width],
      encode_seconds=0.0,
      decode_seconds=0.0,
      nominal_bpp=8 * size / (height * width),
    )


_loaded = functools.lru_cache(maxsize=1)(_model)


if __name__ == "__main__":
  program.run(main)
