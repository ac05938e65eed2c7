"""Says what is in compressed files, without decoding them.

python -m compression.info photo.rnic [more.rnic photo.dct ...]
"""

from __future__ import annotations

from typing import Any

from compression.codecs import registry
from compression.codecs.base import show
from compression.common import jobs, program


def main(argv: list[str]) -> int:
  todo = [jobs.Job(source, source) for source in program.expand(argv)]
  return jobs.run(todo, _describe, "file")


def _describe(job: jobs.Job) -> None:
  data = jobs.read_source(job.source)
  codec: Any = registry.kind_of_file(data)  # or the class of one that learned
  found = codec.describe(data)
  pixels = found.height * found.width
  rows = [
    ("image", f"{found.width}x{found.height} pixels"),
    ("file", jobs.describe(pixels, len(data))),
    *found.rows,
  ]
  progressive = hasattr(codec, "ends")
  if progressive:
    rows += _state(codec, data)
  print(job.source)
  for name, value in rows:
    print(f"  {name:14}{value}")
  if progressive:
    print(f"  {codec.setting_name:12}  bytes up to it    bpp")
    for setting, end in zip(codec.written(data), codec.ends(data)):
      print(f"  {show(setting):>12}{end:16}{8 * end / pixels:7.3f}")


def _state(codec: Any, data: bytes) -> list[tuple[str, str]]:
  """How much of a progressive file is there."""
  whole, written = codec.ends(data), codec.written(data)
  return [
    (codec.setting_name, f"{len(whole)} of {len(written)}"),
    ("state", codec.damage(data) or "whole"),
  ]


if __name__ == "__main__":
  program.run(main)
