"""Says what is in .rnic files, without decoding them.

python -m compression.info photo.rnic [more.rnic ...]
"""

from __future__ import annotations

from compression.codecs.recurrent import folders
from compression.common import jobs, program
from compression.common.errors import ModelError
from compression.formats import rnic


def main(argv: list[str]) -> int:
  todo = [jobs.Job(source, source) for source in program.expand(argv)]
  return jobs.run(todo, _describe, "file")


def _describe(job: jobs.Job) -> None:
  data = jobs.read_source(job.source)
  contents = rnic.read(data)
  header = contents.header
  pixels = header.height * header.width
  try:
    model = folders.find_by_id(header.model_id).name
  except ModelError:
    model = "not installed"
  tiles = f"{header.tile * 16} pixels, {header.halo * 16} of context" if header.tile else "none"
  coder = rnic.ENTROPY_CODERS[header.entropy_coder]
  if header.tables_id:
    coder += f" (version {header.tables_id:04x})"
  rows = [
    ("image", f"{header.width}x{header.height} pixels"),
    ("file", jobs.describe(pixels, len(data))),
    ("model", f"{model} ({header.model_id.hex()})"),
    ("entropy coder", coder),
    ("tiles", tiles),
    ("iterations", f"{len(contents.payloads)} of {header.layers}"),
    ("state", contents.damage or "whole"),
  ]
  print(job.source)
  for name, value in rows:
    print(f"  {name:14}{value}")
  print("  iteration   bytes    bpp up to it")
  for number, end in enumerate(rnic.layer_ends(data), 1):
    print(f"  {number:9}{len(contents.payloads[number - 1]):8}{8 * end / pixels:12.3f}")


if __name__ == "__main__":
  program.run(main)
