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
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import registry, targets
from compression.codecs.base import Codec, Options, ProgressiveCodec, show
from compression.common import jobs, program, workers
from compression.common.errors import CompressionError

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


def numbered(target: str, iterations: int) -> list[str]:
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
  if _ALL_ITERATIONS.value and not isinstance(codec, ProgressiveCodec):
    raise CompressionError(f"files of {codec.name} hold one quality only")
  written = codec.written(data) if isinstance(codec, ProgressiveCodec) else ()
  names = numbered(job.target, len(written)) if _ALL_ITERATIONS.value else [job.target]
  jobs.check_targets(names, job.source, _OUTPUTS)
  data, damage = targets.readable(codec, data, _ITERATIONS.value, _STRICT.value)

  from compression.images.photos import encode_png

  codec.load()
  start = time.perf_counter()
  if isinstance(codec, ProgressiveCodec):
    images, held = _decode(codec, data, written)
    texts = [f"{show(one)} of {show(written[-1])} {codec.setting_name}" for one in held]
  else:
    images, texts = [codec.decompress(data)], [codec.name]
  seconds = time.perf_counter() - start
  if damage is not None:
    program.warn(f"{job.source}: {damage}")
  for name, image, text in zip(names, images, texts):
    jobs.write_target(name, encode_png(image), _OUTPUTS)
    height, width, _ = image.shape
    jobs.say(
      f"{job.source} -> {name}: {width}x{height} pixels, {text}, {seconds:.2f} s",
      name,
    )


def _decode(
  codec: ProgressiveCodec, data: bytes, written: Sequence[float]
) -> tuple[list[np.ndarray], Sequence[float]]:
  """The images that were asked for, and the setting of each."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the damage, which is said
    if _ALL_ITERATIONS.value:
      images = list(codec.progressive(data))
      return images, written[: len(images)]
    return [codec.decompress(data)], written[len(codec.ends(data)) - 1 :][:1]


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
