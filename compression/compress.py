"""Compresses photos.

  python -m compression.compress photo.jpg [more.png ...] --iterations=8
  python -m compression.compress photo.jpg --target_bpp=0.5
  python -m compression.compress photo.jpg --model=dct --setting=20
  cat photo.png | python -m compression.compress - > photo.rnic

Each photo.jpg becomes photo.rnic beside it (other codecs have other suffixes), and one line says
what it cost. The ratio is to the 24 bits per pixel of the uncompressed image. A setting is what the
codec calls its quality: iterations, a step, a quality; the error line of one that it does not have
names those that it has.
"""

from __future__ import annotations

import functools
import time

from absl import flags

from compression.codecs import model_folders, registry, targets
from compression.codecs.base import Codec, Options
from compression.common import jobs, program, workers
from compression.formats import rnic

_QUALITY = jobs.define_quality_flags()
_MODEL = flags.DEFINE_string(
  "model", model_folders.DEFAULT_MODEL, "a released model, a folder, another codec, FILE.py:CLASS"
)
_PRECISION = jobs.define_precision_flag()
_OUTPUTS = jobs.define_output_flags()
_ENTROPY_CODER = jobs.define_entropy_coder_flag(list(rnic.ENTROPY_CODERS.values()))


def main(argv: list[str]) -> int:
  _QUALITY.chosen()  # what is wrong with the flags comes first
  names = program.expand(argv)
  codec = _codec()
  targets.check(codec, _QUALITY.chosen())
  return jobs.run(jobs.plan(names, codec.suffix, _OUTPUTS), _compress, "photo", _OUTPUTS)


@functools.lru_cache(maxsize=1)
def _codec() -> Codec:
  """What is wrong with it comes first; weights are read when the first photo has been."""
  threads = workers.threads_each(_OUTPUTS.jobs.value)
  return registry.find(_MODEL.value, Options(_PRECISION.value, threads, _ENTROPY_CODER.value))


def _compress(job: jobs.Job) -> None:
  from compression.images.photos import read_photo

  jobs.check_targets([job.target], job.source, _OUTPUTS)
  photo = read_photo(*jobs.open_source(job.source))
  codec = _codec()
  codec.load()
  start = time.perf_counter()
  result = targets.compress(codec, photo.image, _QUALITY.chosen())
  seconds = time.perf_counter() - start
  jobs.write_target(job.target, result.data, _OUTPUTS)
  height, width, _ = photo.image.shape
  notes = [*photo.notes, *([result.note] if result.note else [])]
  jobs.say(
    f"{job.source} -> {job.target}: {width}x{height} pixels, {codec.say(result.setting)}, "
    f"{jobs.describe(height * width, len(result.data))}, {seconds:.2f} s"
    + (f" ({'; '.join(notes)})" if notes else ""),
    job.target,
  )


if __name__ == "__main__":
  program.run(main)
