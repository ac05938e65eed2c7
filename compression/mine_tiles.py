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

import functools
import sys

from absl import flags

from compression.common import pipelines, program
from compression.common.errors import ConfigError
from compression.datasets import hard_tiles, shards

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


def main(argv: list[str], of_beam: list[str]) -> None:
  pattern, output = program.require(argv, _IMAGES, _OUTPUT)
  try:
    target = shards.parse(output)
  except ConfigError as error:
    raise program.UsageError(f"--output={error}") from error
  with pipelines.importing():
    from compression.datasets import mining
  options = pipelines.options(of_beam)
  mining.check(pattern, target, _OVERWRITE.value)
  settings = mining.Settings(_TILE_SIZE.value, _KEEP.value, _SCORE.value)
  report = mining.mine(pattern, target, settings, options)
  lines = [f"{line}; left out" for line in report.unreadable]
  pipelines.report(lines, mining.unreadable_path(target), program.warn)
  print(
    f"{target}: {report.tiles} tiles of {report.images} images; "
    f"{report.small} smaller than a tile, {len(report.unreadable)} unreadable"
  )


if __name__ == "__main__":
  sys.argv, of_beam = program.split(sys.argv)
  program.run(functools.partial(main, of_beam=of_beam))
