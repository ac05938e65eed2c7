"""The page as a file: whole in itself, well-formed, and nothing in it runs that is not its own."""

from __future__ import annotations

import base64
import hashlib
import re

import numpy as np

from compression.evaluation.tables import Table
from compression.reporting import page, photos, pictures
from tests.reporting.examples import (
  DOT,
  ITERATIONS,
  LANDSCAPE,
  ODD,
  PORTRAIT,
  Parsed,
  codec,
  images,
  read_picture,
)

LOADING = ("src", "srcset", "href", "action", "data", "poster", "background", "formaction")
"""Attributes whose addresses a browser fetches, or goes to."""

VOID = {"meta", "link", "img", "input"}


def test_nothing_is_fetched(text: str) -> None:
  for tag, attributes in Parsed(text).tags:
    for name in LOADING:
      address = attributes.get(name)
      if tag == "a":  # followed only by those who want to read the paper
        assert name != "href" or address == "https://arxiv.org/abs/1608.05148"
      elif address is not None:
        assert address.startswith("data:"), (tag, name, address)
    assert tag not in ("iframe", "object", "embed", "base", "form"), tag
    assert not any(name.startswith("on") for name in attributes), (tag, attributes)
  style = re.search("<style>(.*?)</style>", text, re.DOTALL)
  assert style and "url(" not in style[1] and "@import" not in style[1]


def test_the_policy_allows_what_the_page_is_made_of_and_nothing_else(text: str) -> None:
  policies = [
    attributes["content"]
    for tag, attributes in Parsed(text).tags
    if attributes.get("http-equiv") == "Content-Security-Policy"
  ]
  sums = {}
  for tag in ("style", "script"):
    (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256(body.encode()).digest()
    sums[tag] = f"'sha256-{base64.b64encode(digest).decode()}'"
  assert policies == [
    f"default-src 'none'; img-src data:; style-src {sums['style']}; script-src {sums['script']}"
  ]


def test_elements_are_closed_and_ids_are_unique(text: str) -> None:
  depth: list[str] = []

  class Nesting(Parsed):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
      super().handle_starttag(tag, attrs)
      if tag not in VOID:
        depth.append(tag)

    def handle_endtag(self, tag: str) -> None:
      super().handle_endtag(tag)
      assert depth.pop() == tag

  tags = Nesting(text).tags
  assert not depth
  ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
  assert len(ids) == len(set(ids))
  for tag, attributes in tags:
    assert tag != "img" or "alt" in attributes
    for reference in ("for", "aria-labelledby"):
      assert reference not in attributes or attributes[reference] in ids


def test_all_photos_are_there(text: str, photo: np.ndarray) -> None:
  data = Parsed(text).data
  assert [each["name"] for each in data] == [LANDSCAPE, ODD, PORTRAIT, DOT]
  for each, image in zip(data, images(photo).values()):
    np.testing.assert_array_equal(read_picture(each["original"]["uri"]), image)
    assert len(each["ours"]) == len(each["jpeg"]) == ITERATIONS
    for version in [*each["ours"], *each["jpeg"]]:
      assert read_picture(version["uri"]).shape == image.shape


def test_names_cannot_do_harm(photo: np.ndarray) -> None:
  name = "</script><script>alert(1)</script><img src=x onerror=alert(1)>$style & \"'.png"
  shown = photos.show(codec(), name, photo[:1, :1], pictures.close, with_points=False)
  table = Table(name, [name], [[name, name]], name)
  parsed = Parsed(page.render(name, [shown], [], [table]))
  assert [each["name"] for each in parsed.data] == [name]
  assert not any("onerror" in attributes for _, attributes in parsed.tags)
  scripts = [attributes.get("type") for tag, attributes in parsed.tags if tag == "script"]
  assert scripts == ["application/json", None]
  # In the title, the heading, the choice, and a table with its title, head, two cells and note.
  assert " ".join(parsed.words).count("</script><script>alert(1)</script>") == 8


def test_without_curves_their_sections_are_hidden(text: str, photo: np.ndarray) -> None:
  shown = photos.show(codec(), "a.png", photo[:1, :1], pictures.close, with_points=False)
  bare = dict.fromkeys(("curves", "tables"), False)
  for each, hidden in ((page.render("m", [shown], [], []), True), (text, False)):
    for _, attributes in Parsed(each).tags:
      if attributes.get("id") in bare:
        assert ("hidden" in attributes) is hidden


def test_code_in_the_notes_of_tables_is_marked(photo: np.ndarray) -> None:
  shown = photos.show(codec(), "a.png", photo[:1, :1], pictures.close, with_points=False)
  text = page.render("m", [shown], [], [Table("t", ["a"], [["1"]], "as `f(<x>)` says")])
  assert "<p>as <code>f(&lt;x&gt;)</code> says</p>" in text


def test_the_page_says_how_pictures_are_stored(photo: np.ndarray) -> None:
  image = images(photo)[LANDSCAPE]
  exact = photos.show(codec(), "a", image, pictures.exact, with_points=False)
  assert "are stored losslessly." in page.render("m", [exact], [], [])
  near = exact._replace(stored_psnr=45.0999)
  assert "is 45.0 dB or more" in page.render("m", [near, exact], [], [])
