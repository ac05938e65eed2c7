"""The page: its parts, put into page.html with the style sheets and the script.

Everything that comes from outside, as names of files do, is escaped. A content security policy
allows the page's own script and style, by their checksums, and pictures that are part of it:
browsers refuse all else, so that it cannot reach for anything over a network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import math
import re
import string
from collections.abc import Sequence

from compression.evaluation.tables import Table
from compression.reporting import pictures
from compression.reporting.curves import Plot
from compression.reporting.photos import Shown

FIRST_ITERATIONS = 4
"""Where the slider stands at first: at about 0.4 bits per pixel, codecs differ visibly."""

_AVIF_YEAR = 2024  # in which the last of the large browsers, Edge 121, learnt to show AVIF


def render(
  model: str, shown: Sequence[Shown], plots: Sequence[Plot], tables: Sequence[Table]
) -> str:
  """The HTML file.

  Args:
    model: its name.
    shown: photos, at least one, all of the same number of iterations.
  """
  style, script = _asset("page.css") + _asset("viewer.css"), _asset("viewer.js")
  iterations = len(shown[0].data["ours"])
  photos = f"{len(shown)} photo{'' if len(shown) == 1 else 's'}"
  return string.Template(_asset("page.html")).substitute(
    style=style,
    style_hash=_checksum(style),
    script=script,
    script_hash=_checksum(script),
    model=html.escape(model),
    photos=photos,
    iterations=iterations,
    first_iterations=min(FIRST_ITERATIONS, iterations),
    choices="\n".join(_choice(number, photo) for number, photo in enumerate(shown)),
    residual_gain=pictures.RESIDUAL_GAIN,
    plots="\n".join(map(_plot, plots)),
    plots_hidden="" if plots else " hidden",
    tables="\n".join(_table(number, table) for number, table in enumerate(tables)),
    tables_hidden="" if tables else " hidden",
    stored=html.escape(_stored(shown)),
    data="\n".join(_data(number, photo) for number, photo in enumerate(shown)),
  )


def _asset(name: str) -> str:
  return importlib.resources.files(__package__).joinpath(name).read_text("utf-8")


def _checksum(text: str) -> str:
  """As a content security policy has it."""
  return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _choice(number: int, photo: Shown) -> str:
  """A radio button with the photo as its label."""
  checked = " checked" if number == 0 else ""
  return (
    f'<label class="choice"><input type="radio" name="photo" value="{number}"{checked}>'
    f'<img src="{photo.thumbnail}" alt=""><span>{html.escape(photo.name)}</span></label>'
  )


def _plot(plot: Plot) -> str:
  label = html.escape(plot.label)
  images = "".join(
    f'<img class="{scale}" src="{uri}" alt="{label} over bits per pixel, {scale} scale">'
    for scale, uri in plot.uris.items()
  )
  return f'<figure class="plot"><figcaption>{label}</figcaption><div>{images}</div></figure>'


def _table(number: int, table: Table) -> str:
  heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in table.heads)
  rows = "\n".join(
    f'<tr><th scope="row">{html.escape(row[0])}</th>'
    + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
    + "</tr>"
    for row in table.rows
  )
  # Notes are Markdown, of which they use this much.
  note = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(table.note))
  return (
    f'<section class="table"><h3 id="table-{number}">{html.escape(table.title)}</h3>\n'
    f'<div class="scroll" role="region" aria-labelledby="table-{number}" tabindex="0">'
    f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
    + (f"<p>{note}</p>" if note else "")
    + "</section>"
  )


def _stored(shown: Sequence[Shown]) -> str:
  """How far the reconstructions in the page are from the exact ones, of which the numbers are."""
  least = min(photo.stored_psnr for photo in shown)
  if least == float("inf"):
    return "Originals and reconstructions are stored losslessly."
  return (
    "Originals are stored losslessly, reconstructions as 4:4:4 AVIF, which browsers show since"
    f" {_AVIF_YEAR}: their PSNR against the exact ones, of which the numbers are, is"
    f" {_floor(least)} dB or more."
  )


def _floor(decibels: float) -> str:
  """With one digit, not rounded up."""
  return f"{math.floor(10 * decibels) / 10:.1f}"


def _data(number: int, photo: Shown) -> str:
  """A block that no browser runs; `<` is written so that nothing in it can end the block."""
  text = json.dumps(photo.data).replace("<", "\\u003c")
  return f'<script type="application/json" id="photo-{number}">{text}</script>'
