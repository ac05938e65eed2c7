"""Measures training, as ratios within one run.

  python -m compression.train_bench [--widths=0.25,0.5,1] [--repeat=9] [--images='photos/*']

Prints steps a second at each width in float32 and bfloat16, and with TensorFlow's rewriting of
graphs, which costs seconds at the start of each stage of a run; what few iterations at first and
the ways of writing the gates are worth; what Muon costs more than Adam; small patches against large
ones; and how many batches the input makes for each that is trained. Run it while nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs.recurrent.config import RecurrentConfig
from compression.common import program
from compression.common.errors import ConfigError, ImageError

if TYPE_CHECKING:
  from compression.training.bench import Candidate

_WIDTHS = flags.DEFINE_list("widths", ["0.25", "0.5", "1"], "widths at which steps are measured")
_REPEAT = flags.DEFINE_integer("repeat", 5, "steps of which the median counts", 1, 1000)
_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos (default: a sample photo)")

_ITERATIONS = 4
"""In all tables but that of the curriculum: most steps of most runs have more, of the same kind."""

_LARGE_PATCHES = (8, 64)
"""As many pixels as in the default batch, in fewer patches."""


def _print_precisions(widths: list[float]) -> None:
  from compression.training import bench

  print(f"Steps of {_ITERATIONS} iterations:")
  for width in widths:
    _print_table(
      {
        f"{width:g}, {name}": bench.candidate(width, _ITERATIONS, precision)
        for name, precision in bench.PRECISIONS.items()
      }
    )


def _print_curriculum(width: float) -> None:
  from compression.training import bench
  from compression.training.tasks.recurrent.config import TrainConfig
  from compression.training.tasks.recurrent.curriculum import Curriculum

  curriculum = Curriculum.parse(TrainConfig.curriculum)
  print(f"\nSteps of the stages of the curriculum, width {width:g}:")
  iterations = sorted((stage.iterations for stage in curriculum.stages), reverse=True)
  speeds = _print_table(
    {f"{count} iterations": bench.candidate(width, count) for count in iterations}
  )
  seconds = {count: 1 / speed for count, speed in zip(iterations, speeds)}
  share = bench.curriculum_share(curriculum, seconds)
  print(f"  {TrainConfig.curriculum} takes {share:.0%} of the time of {iterations[0]} throughout")


def _print_optimizers(width: float) -> None:
  from compression.training import bench

  print(f"\nOptimizers, width {width:g}, {_ITERATIONS} iterations:")
  _print_table(
    {name: bench.candidate(width, _ITERATIONS, optimizer=name) for name in ("muon", "adam")}
  )


def _print_gates(width: float) -> None:
  from compression.layers.gru import ConvResidualGRU
  from compression.training import bench

  print(f"\nGates of the recurrent unit, width {width:g}, {_ITERATIONS} iterations:")
  cells = {
    "as they are": ConvResidualGRU,
    "W x and U h apart": bench.SeparateConvolutions,
    "all gates at once": bench.StackedGates,
  }
  _print_table(
    {name: bench.candidate(width, _ITERATIONS, cell=cell) for name, cell in cells.items()}
  )


def _print_batches(width: float, paths: list[str]) -> None:
  from compression.training import bench

  print(f"\nBatches, width {width:g}, {_ITERATIONS} iterations:")
  batches = [bench.DEFAULT_BATCH, bench.Batch(*_LARGE_PATCHES)]
  names = [f"{batch.size} of {batch.side}x{batch.side}" for batch in batches]
  speeds = _print_table(
    {name: bench.candidate(width, _ITERATIONS, batch=batch) for name, batch in zip(names, batches)}
  )
  for name, batch, speed in zip(names, batches, speeds):
    made = bench.input_batches(paths, batch)
    print(f"  input: {name}, {made:.0f} batches/s, {made / speed:.0f} times as many as steps")


def _print_table(candidates: dict[str, Candidate]) -> list[float]:
  """A line for each, with the ratio to the first; returns their steps a second."""
  from compression.training import bench

  speeds = bench.steps_per_second(list(candidates.values()), _REPEAT.value)
  print(f"  {'':24}{'start s':>9}{'steps/s':>10}{'ratio':>7}")
  for (name, each), speed in zip(candidates.items(), speeds):
    ratio = speed / speeds[0]
    print(f"  {name:24}{each.start:9.1f}{speed:10.3f}{ratio:7.2f}", flush=True)
  return speeds


@contextlib.contextmanager
def _photos() -> Iterator[list[str]]:
  """The names of photos."""
  if _IMAGES.value is not None:
    yield program.expand([_IMAGES.value])
    return
  try:
    import skimage.data
  except ImportError:
    raise ImageError("the sample photo is in scikit-image; install it or give --images") from None
  from PIL import Image

  with tempfile.TemporaryDirectory() as folder:
    photo = pathlib.Path(folder) / "photo.png"
    Image.fromarray(skimage.data.astronaut()).save(photo)
    yield [str(photo)]


def _widths() -> list[float]:
  """Raises UsageError if one is none that a model can have."""
  try:
    widths = [RecurrentConfig(width=float(text)).width for text in _WIDTHS.value]
  except (ValueError, ConfigError) as error:
    raise program.UsageError(f"--widths: {error}") from error
  if not widths:
    raise program.UsageError("--widths names none; --help shows the usage")
  return widths


def main(argv: list[str]) -> None:
  program.require(argv)
  widths = _widths()
  with _photos() as paths:
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # a step is traced anew for each line, on purpose
    print(f"{os.cpu_count()} processors", flush=True)
    _print_precisions(widths)
    _print_curriculum(widths[0])
    _print_optimizers(widths[0])
    _print_gates(widths[0])
    _print_batches(widths[0], paths)


if __name__ == "__main__":
  program.run(main)
