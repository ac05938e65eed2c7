"""Compresses, decompresses and evaluates archives that are too large for one machine.

  python -m compression.archive compress --images='gs://bucket/photos/**.jpg' \\
      --output_dir=gs://bucket/files [--model=mobile] [--iterations=8 or --target_bpp=0.5 ...]
  python -m compression.archive decompress --files='gs://bucket/files/**.rnic' --output_dir=photos
  python -m compression.archive evaluate --images='photos/*.png' --output_dir=evaluation \\
      --codecs=mobile,jpeg420

The files are those that `compress`, `decompress` and `evaluate` make. `**` in a pattern goes into
folders, which are there again below --output_dir. Bad files are left out and counted; the first are
named, and unreadable.txt lists them all. Cut off, the same command with --skip_existing does the
rest; archive.json keeps it from going on with other settings. `evaluate` goes on by itself, calls
photos by their folders, too, and measures no throughput.

It is an Apache Beam pipeline, and all other flags are Beam's. On this machine, with two processes:

      --direct_running_mode=multi_processing --direct_num_workers=2

and on Flink, Spark or Dataflow with --runner=FlinkRunner --flink_master=... and the like, where
this package is installed. Needs pip install 'compression-rnn[beam]'.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders, registry, targets
from compression.codecs.base import Options, default_setting
from compression.common import jobs, pipelines, program
from compression.common.errors import CompressionError
from compression.formats import rnic
from compression.metrics import table

if TYPE_CHECKING:
  from apache_beam.options.pipeline_options import PipelineOptions

  from compression.archives.pipeline import Folder, Report

_IMAGES = flags.DEFINE_string("images", None, "compress, evaluate: a pattern of photos")
_FILES = flags.DEFINE_string("files", None, "decompress: a pattern of files")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "the folder of the results; made if need be")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace results that exist")
_SKIP_EXISTING = flags.DEFINE_bool("skip_existing", False, "go on: leave out what is done")
_MODEL = flags.DEFINE_string(
  "model",
  None,
  "a released model, a folder, another codec, FILE.py:CLASS (default: "
  f"{model_folders.DEFAULT_MODEL}; to decompress, what the file was made with)",
)
_QUALITY = jobs.define_quality_flags()
_ENTROPY_CODER = jobs.define_entropy_coder_flag(list(rnic.ENTROPY_CODERS.values()))
_STRICT = flags.DEFINE_bool("strict", False, "decompress: refuse files that are cut short")
_PRECISION = jobs.define_precision_flag(decoding=True)
_CODECS = flags.DEFINE_list("codecs", None, "evaluate: names, folders and FILE.py:CLASS of codecs")
_METRICS = flags.DEFINE_list("metrics", [], "evaluate: measured beside those of all results")
_NIMA_WEIGHTS = flags.DEFINE_string("nima_weights", None, "evaluate: as there")

_EVERYWHERE = ("output_dir", "overwrite", "precision")
_TAKES = {
  "compress": ("images", "skip_existing", "model", "entropy_coder", *_QUALITY._fields),
  "decompress": ("files", "skip_existing", "model", "iterations", "strict"),
  "evaluate": ("images", "codecs", "metrics", "nima_weights"),
}
"""Which flags each command takes, beside those."""


def main(argv: list[str], of_beam: list[str]) -> int:
  if not argv or argv[0] not in _TAKES:
    raise program.UsageError(f"a command is missing: {', '.join(_TAKES)}; --help shows the usage")
  command = argv[0]
  takes = (*_EVERYWHERE, *_TAKES[command])
  for name in sorted(set().union(*_TAKES.values()) - {*takes}):
    if flags.FLAGS[name].present:
      raise program.UsageError(f"--{name}: {command} has none")
  pattern, output_dir = program.require(
    argv[1:], _FILES if command == "decompress" else _IMAGES, _OUTPUT_DIR
  )
  if _OVERWRITE.value and _SKIP_EXISTING.value:
    raise program.UsageError("--overwrite and --skip_existing exclude each other")
  if set(output_dir) & set("*?["):
    raise program.UsageError(f"--output_dir={output_dir}: may not hold *, ? or [")
  with pipelines.importing():
    from compression.archives.pipeline import Folder
    from compression.common import stores
  options = pipelines.options(of_beam)
  folder = Folder(output_dir.rstrip("/") or "/", _OVERWRITE.value, _SKIP_EXISTING.value)
  if not stores.match(pattern, limit=1):
    raise CompressionError(f"{pattern}: matches no file")
  return _COMMANDS[command](pattern, folder, options)


def _options(of_beam: PipelineOptions) -> Options:
  return Options(_PRECISION.value, pipelines.threads_each(of_beam), _ENTROPY_CODER.value)


def _compress(pattern: str, folder: Folder, options: PipelineOptions) -> int:
  from compression.archives import coding, pipeline

  wanted = _QUALITY.chosen()
  model = _MODEL.value or model_folders.DEFAULT_MODEL
  codec = registry.find(model, _options(options))
  targets.check(codec, wanted)
  made_with = {
    "codec": f"{codec.name}, {codec.identity}",
    "quality": list(wanted or ("setting", default_setting(codec))),
    "entropy coder": _ENTROPY_CODER.value,
  }
  work = coding.Compress(folder, codec.suffix, _options(options), model, wanted)
  begin = time.monotonic()
  folder.begin(made_with)
  return _say(pipeline.run(pattern, work, folder, options), folder, begin, "photo")


def _decompress(pattern: str, folder: Folder, options: PipelineOptions) -> int:
  from compression.archives import coding, pipeline

  model, iterations = _MODEL.value, _QUALITY.iterations.value
  if model is not None:
    registry.find(model, _options(options))  # what is wrong with it comes first
  made_with = {"model": model, "iterations": iterations, "precision": _PRECISION.value}
  work = coding.Decompress(folder, ".png", _options(options), model, iterations, _STRICT.value)
  begin = time.monotonic()
  folder.begin(made_with)
  return _say(pipeline.run(pattern, work, folder, options), folder, begin, "file")


def _evaluate(pattern: str, folder: Folder, options: PipelineOptions) -> int:
  from compression.archives import evaluating, pipeline
  from compression.evaluation import plots

  plots.check()
  wanted = _CODECS.value or [model_folders.DEFAULT_MODEL]
  codecs, missing = registry.find_all(wanted, _options(options))
  more, lacking = table.find_all(table.with_weights(_METRICS.value, _NIMA_WEIGHTS.value))
  for line in (*missing, *lacking):
    program.warn(f"left out: {line}")
  work = evaluating.Evaluate(folder, tuple(codecs), _options(options), tuple(more))
  begin = time.monotonic()
  run = evaluating.begin(pattern, folder, [*codecs.values()], more)
  report = pipeline.run(pattern, work, folder, options)
  print(evaluating.finish(folder, run, report), end="")
  _say(report, folder, begin, "photo", program.warn)
  return 0  # as `evaluate` does


_COMMANDS = {"compress": _compress, "decompress": _decompress, "evaluate": _evaluate}


def _say(
  report: Report,
  folder: Folder,
  begin: float,
  unit: str,
  complain: Callable[[str], None] = program.report,
) -> int:
  """Says what came of it; the exit status."""
  from compression.archives import pipeline

  listing = folder.file(pipeline.LISTING)
  pipelines.report(report.failed, listing, complain)
  pipelines.report(report.damaged, listing, program.warn, "were done as far as they are whole")
  seconds = time.monotonic() - begin
  print(jobs.summary(report.done, report.skipped, len(report.failed), seconds, unit))
  return program.EXIT_BAD_INPUT if report.failed else 0


if __name__ == "__main__":
  sys.argv, of_beam = program.split(sys.argv)
  program.run(functools.partial(main, of_beam=of_beam))
