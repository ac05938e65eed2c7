"""Decompresses files to PNG images.

  python -m compression.decompress photo.rnic [more.rnic photo.dct ...]
  python -m compression.decompress photo.rnic --iterations=4
  python -m compression.decompress photo.rnic --all_iterations     photo_01.png, photo_02.png, ...
  python -m compression.decompress photo.rnic --precision=int8     in about half the time
  python -m compression.decompress - < photo.rnic > photo.png

The codec and the model are those that the file was made with. A progressive file that was cut short
decodes to what of it is whole, with a warning; --strict refuses it.
"""

from __future__ import annotations

import functools
import pathlib
import time
import warnings
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import registry
from compression.codecs.base import Codec, Options, ProgressiveCodec, show
from compression.common import jobs, program, workers
from compression.common.errors import CompressionError, FormatError

if TYPE_CHECKING:
  import numpy as np

_ITERATIONS = flags.DEFINE_integer(
  "iterations", None, "use only the first so many of a progressive file", lower_bound=1
)
_ALL_ITERATIONS = flags.DEFINE_bool(
  "all_iterations", False, "write the image after each iteration, as NAME_01.png and so on"
)
_MODEL = flags.DEFINE_string(
  "model",
  None,
  "a released model, a folder, another codec, FILE.py:CLASS (default: what the file was made with)",
)
_PRECISION = jobs.define_precision_flag(decoding=True)
_OUTPUTS = jobs.define_output_flags()
_STRICT = flags.DEFINE_bool("strict", False, "refuse a file that is cut short")


def targets(target: str, iterations: int) -> list[str]:
  """The names of the images of all iterations: photo.png -> photo_01.png, photo_02.png, ..."""
  path = pathlib.Path(target)
  return [
    str(path.with_name(f"{path.stem}_{t:02d}{path.suffix}")) for t in range(1, iterations + 1)
  ]


def main(argv: list[str]) -> int:
  if _ALL_ITERATIONS.value and _ITERATIONS.value is not None:
    raise program.UsageError("--all_iterations and --iterations exclude each other")
  todo = jobs.plan(program.expand(argv), ".png", _OUTPUTS)
  if _ALL_ITERATIONS.value and any(job.target == program.STDIO for job in todo):
    raise program.UsageError("--all_iterations writes several files; name them with --output")
  if _MODEL.value is not None:
    _named_codec(_MODEL.value)
  return jobs.run(todo, _decompress, "file", _OUTPUTS)


def _decompress(job: jobs.Job) -> None:
  data = jobs.read_source(job.source)
  codec = _codec_of(data)
  wants_some = _ALL_ITERATIONS.value or _ITERATIONS.value is not None
  if wants_some and not isinstance(codec, ProgressiveCodec):
    raise CompressionError(f"files of {codec.name} hold one quality only")
  written = codec.written(data) if isinstance(codec, ProgressiveCodec) else ()
  names = targets(job.target, len(written)) if _ALL_ITERATIONS.value else [job.target]
  jobs.check_targets(names, job.source, _OUTPUTS)

  from compression.images.photos import encode_png

  codec.load()
  start = time.perf_counter()
  if isinstance(codec, ProgressiveCodec):
    images, texts = _decode(codec, data, job.source)
  else:
    images, texts = [codec.decompress(data)], [codec.name]
  seconds = time.perf_counter() - start
  for name, image, text in zip(names, images, texts):
    jobs.write_target(name, encode_png(image), _OUTPUTS)
    height, width, _ = image.shape
    jobs.say(
      f"{job.source} -> {name}: {width}x{height} pixels, {text}, {seconds:.2f} s",
      name,
    )


def _decode(
  codec: ProgressiveCodec, data: bytes, source: str
) -> tuple[list[np.ndarray], list[str]]:
  """The images that were asked for, and what the line about each says of it."""
  written = codec.written(data)
  if _ITERATIONS.value is not None:
    if _ITERATIONS.value > len(written):
      raise FormatError(f"has {codec.say(written[-1])}; {_ITERATIONS.value} were asked for")
    data = codec.prefix(data, written[_ITERATIONS.value - 1])
  damage = codec.damage(data)
  if damage is not None and _STRICT.value:
    raise FormatError(damage)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the same, said below
    if _ALL_ITERATIONS.value:
      images = list(codec.progressive(data))
      held = written[: len(images)]
    else:
      images = [codec.decompress(data)]
      held = written[len(codec.ends(data)) - 1 :][:1]
  if damage is not None:
    program.warn(f"{source}: {damage}")
  return images, [f"{show(one)} of {show(written[-1])} {codec.setting_name}" for one in held]


def _codec_of(data: bytes) -> Codec:
  """The codec that --model names, else the one that the file was made with."""
  if _MODEL.value is not None:
    return _named_codec(_MODEL.value)
  return registry.of_file(
    data, Options(_PRECISION.value, workers.threads_each(_OUTPUTS.jobs.value))
  )


@functools.cache
def _named_codec(name: str) -> Codec:
  return registry.find(name, Options(_PRECISION.value, workers.threads_each(_OUTPUTS.jobs.value)))


if __name__ == "__main__":
  program.run(main)
