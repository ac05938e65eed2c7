"""Cuts photos into tiles and keeps those of each photo that are hardest to compress.

  python -m compression.mine_tiles --images='photos/*.jpg' --output=tiles@8.tfrecord
      [--keep=100] [--tile_size=32] [--score=png]
  python -m compression.train --train_records=tiles@8.tfrecord --train_dir=run

The tiles go to 8 files, tiles-00000-of-00008.tfrecord and so on, as `tile_records.py` describes
them; tiles.unreadable.txt lists the files that are no images. `**` in the pattern goes into
folders.

It is an Apache Beam pipeline, and all other flags are Beam's. On this machine, with two processes:

      --direct_running_mode=multi_processing --direct_num_workers=2

and on Flink, Spark or Dataflow with --runner=FlinkRunner --flink_master=... and the like. As many
workers are busy as there are files to write. Cut off, the same command goes on with the files that
were not finished. Needs pip install 'compression-rnn[beam]'.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import sys
from typing import TYPE_CHECKING

from absl import flags

from compression.common import program
from compression.common.errors import CompressionError, ConfigError
from compression.datasets import hard_tiles, shards

if TYPE_CHECKING:
  from apache_beam.options.pipeline_options import PipelineOptions

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_OUTPUT = flags.DEFINE_string("output", None, "NAME@COUNT.tfrecord: how many files to write")
_TILE_SIZE = flags.DEFINE_integer(
  "tile_size", 32, "pixels along a side of a tile", lower_bound=1, upper_bound=1024
)
_KEEP = flags.DEFINE_integer("keep", 100, "how many tiles of each photo", lower_bound=1)
_SCORE = flags.DEFINE_enum(
  "score",
  "png",
  sorted(hard_tiles.SCORES),
  "the highest are kept. png: bytes of the PNG file; busyness: mean difference between neighbours",
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the files if they exist")

_LOCAL_RUNNERS = (None, "DirectRunner")
_HELP = ("-h", "--help", "-?")
_LINES = 10
"""So many of the files that cannot be read are named on stderr; all are in the list."""


def main(argv: list[str], of_beam: list[str]) -> None:
  pattern, output = program.require(argv, _IMAGES, _OUTPUT)
  try:
    target = shards.parse(output)
  except ConfigError as error:
    raise program.UsageError(f"--output={error}") from error
  logging.disable(logging.WARNING)  # Beam warns of clients for clouds that are missing
  try:
    from compression.datasets import mining
  except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] != "apache_beam":
      raise
    raise CompressionError("needs Apache Beam: pip install 'compression-rnn[beam]'") from error

  from apache_beam.options.pipeline_options import StandardOptions
  from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

  options = _options(of_beam)
  logging.disable(logging.NOTSET)
  # What Beam calls DirectRunner looks for a faster one first, and downloads it.
  is_local = options.view_as(StandardOptions).runner in _LOCAL_RUNNERS
  mining.check(pattern, target, _OVERWRITE.value)
  settings = mining.Settings(_TILE_SIZE.value, _KEEP.value, _SCORE.value)
  report = mining.mine(pattern, target, settings, options, FnApiRunner() if is_local else None)
  for line in report.unreadable[:_LINES]:
    program.warn(f"{line}; left out")
  if len(report.unreadable) > _LINES:
    program.warn(f"{len(report.unreadable)} files were left out: {mining.unreadable_path(target)}")
  print(
    f"{target}: {report.tiles} tiles of {report.images} images; "
    f"{report.small} smaller than a tile, {len(report.unreadable)} unreadable"
  )


def _options(arguments: list[str]) -> PipelineOptions:
  """Beam's options.

  Raises:
    UsageError: if a value is not allowed, or a flag is neither ours nor Beam's. Runners other than
      the local one may know flags that Beam does not.
  """
  from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

  complaint = io.StringIO()
  try:
    with contextlib.redirect_stderr(complaint):
      options = PipelineOptions(arguments)
      given = options.get_all_options(retain_unknown_options=True)
  except SystemExit as error:
    line = complaint.getvalue().strip().splitlines()[-1]
    raise program.UsageError(line.split("error: ")[-1]) from error
  unknown = sorted(set(given) - set(PipelineOptions([]).get_all_options()))
  if unknown and options.view_as(StandardOptions).runner in _LOCAL_RUNNERS:
    raise program.UsageError(f"Unknown command line flag '{unknown[0]}'; --help shows the usage")
  return options


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
  """Our arguments and Beam's: flags that are not ours, and the values behind them."""
  ours, beams = argv[:1], argv[:0]
  behind = ours
  for word in argv[1:]:
    if word.startswith("-"):
      name = word.lstrip("-").split("=")[0]
      is_ours = name in flags.FLAGS or name.removeprefix("no") in flags.FLAGS
      kind = ours if is_ours or word.startswith(_HELP) else beams
      kind.append(word)
      behind = ours if "=" in word else kind
    else:
      behind.append(word)
  return ours, beams


if __name__ == "__main__":
  sys.argv, of_beam = _split(sys.argv)
  program.run(functools.partial(main, of_beam=of_beam))
