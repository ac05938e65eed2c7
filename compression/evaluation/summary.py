"""The files that an evaluation ends with: means.csv, tables.md and the plots."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from compression.common.files import atomic_write
from compression.evaluation import means as means_lib
from compression.evaluation import plots, tables
from compression.evaluation.means import Mean
from compression.evaluation.points import Point
from compression.evaluation.throughput import Throughput

TABLES_FILE = "tables.md"


def write(
  folder: pathlib.Path,
  points: Sequence[Point],
  identities: Mapping[str, str],
  throughput: Sequence[Throughput] = (),
) -> str:
  """Writes the files, each whole or not at all; returns what tables.md says.

  Args:
    points: of a whole run.
    identities: codec -> its options and versions.
  """
  means = means_lib.means(points)
  kodak = means_lib.is_kodak(points)
  text = _text(means, kodak, identities, throughput)
  for name, content in ((means_lib.MEANS_FILE, means_lib.to_csv(means)), (TABLES_FILE, text)):
    with atomic_write(folder / name) as file:
      file.write(content.encode())
  plots.write_all(folder, means, kodak)
  return text


def settings_text(points: Sequence[Point]) -> str:
  """All settings of each codec, with its name above where there are several."""
  kodak = means_lib.is_kodak(points)
  by_codec: dict[str, list[Mean]] = {}
  for mean in means_lib.means(points):
    by_codec.setdefault(mean.codec, []).append(mean)
  parts = []
  for codec, means in by_codec.items():
    if len(by_codec) > 1:
      parts.append(f"## {codec}")
    parts.append(tables.markdown(tables.settings_table(means, kodak)))
  return "\n\n".join(parts)


def _text(
  means: Sequence[Mean],
  kodak: bool,
  identities: Mapping[str, str],
  throughput: Sequence[Throughput],
) -> str:
  images = max(mean.images for mean in means)
  parts = [f"Means over {means_lib.subject(images, kodak)}, sizes of whole files."]
  for table in tables.all_tables(means, kodak, throughput):
    parts += [f"## {table.title}", tables.markdown(table)]
    parts += [table.note] if table.note else []
  parts += ["## Codecs", "\n".join(f"- {name}: {what}" for name, what in identities.items())]
  return "\n\n".join(parts) + "\n"
