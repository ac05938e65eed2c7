"""The page in Chromium: the images of Python, of both released models, whatever befalls a file."""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from compression import load
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.tiling import Tiling
from compression.exporting import DYNAMIC, WEB_FOLDER, WEB_VARIANTS, web, web_player
from compression.formats import rnic
from tests.near import assert_near_pixels
from tests.web.browsers import needs_browser, needs_runtime

pytestmark = [needs_browser, needs_runtime]

_SECONDS = 120


def _check(played: web_player.Played, codec: RecurrentCodec, data: bytes, count: int) -> None:
  """Fails unless the pictures are those of Python's first `count` iterations."""
  assert played.error is None
  assert [picture.iteration for picture in played.pictures] == list(range(1, count + 1))
  assert [picture.bytes for picture in played.pictures] == list(rnic.layer_ends(data))[:count]
  seconds = [picture.seconds for picture in played.pictures]
  assert seconds == sorted(seconds)
  for picture, expected in zip(played.pictures, codec.progressive(data)):
    assert_near_pixels(picture.image, expected)


@pytest.mark.slow
def test_another_released_model_decodes_as_python_does(
  tmp_path: pathlib.Path, odd_photo: np.ndarray
) -> None:
  codec = _exported("residual_gru", tmp_path)
  data = codec.compress(odd_photo[:100, :70], 16)
  played, _ = web_player.play(tmp_path / WEB_FOLDER, {"odd": [data]})
  _check(played["odd"], codec, data, 16)


def _exported(name: str, folder: pathlib.Path, variant: str = WEB_VARIANTS[0]) -> RecurrentCodec:
  codec = load(name)
  assert isinstance(codec, RecurrentCodec)
  web.export(codec, folder, variant)
  return codec


@pytest.mark.slow
def test_the_default_model_decodes_as_python_does_whatever_befalls_a_file(
  tmp_path: pathlib.Path, odd_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  codec, odd_photo = _exported("mobile", tmp_path), odd_photo[:101, :137]
  files = {"odd": codec.compress(odd_photo, 16)}
  files["dot"] = codec.compress(odd_photo[:1, :1], 5)
  files["packed"] = codec.compress(odd_photo[:70, :33], 1, entropy_coder="none")
  with monkeypatch.context() as patch:
    patch.setattr(codec, "_tiling", lambda image: Tiling(4, 2))
    files["tiles"] = codec.compress(odd_photo, 2)
  assert rnic.read_header(files["tiles"]).tile == 4
  ends = rnic.layer_ends(files["odd"])
  flipped = bytearray(files["odd"])
  flipped[ends[1] + 40] ^= 1
  damaged = {
    "cut": files["odd"][: ends[4] + 9],
    "flipped": bytes(flipped),
    "foreign": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "nothing": files["odd"][:20],
    "another": rnic.write(rnic.Header(16, 16, 1, b"another!"), [bytes(4)]),
  }

  # The last bytes are not sent before the first picture has come.
  seen = threading.Event()
  was_seen = []

  def slowly() -> Iterator[bytes]:
    yield files["odd"][: ends[0] + 2]
    was_seen.append(seen.wait(_SECONDS))
    yield files["odd"][ends[0] + 2 : ends[1]]

  sent = {key: [data] for key, data in {**files, **damaged}.items()}
  played, memory = web_player.play(
    tmp_path / WEB_FOLDER,
    {**sent, "slow": slowly()},
    lambda key, picture: seen.set() if key == "slow" else None,
  )

  for key, count in (("odd", 16), ("dot", 5), ("packed", 1), ("tiles", 2)):
    _check(played[key], codec, files[key], count)
    assert played[key].damage is None
  _check(played["cut"], codec, files["odd"], 5)
  assert played["cut"].damage == "cut short: 5 of 16 layers are whole"
  _check(played["flipped"], codec, files["odd"], 2)
  assert played["flipped"].damage == ("layer 3 of 16 is damaged: the 2 layers before it are used")
  _check(played["slow"], codec, files["odd"], 2)
  assert was_seen == [True]
  assert played["slow"].damage == "cut short: 2 of 16 layers are whole"
  for key, words in (
    ("foreign", "not an .rnic file"),
    ("nothing", "cut short in the header: 20 of 32 bytes"),
    ("another", "made with model 616e6f7468657221; this page has mobile"),
  ):
    assert not played[key].pictures and words in str(played[key].error)
  assert memory > 50 * 2**20


@pytest.mark.slow
def test_the_decoder_in_int8_is_that_of_python(
  tmp_path: pathlib.Path, odd_photo: np.ndarray
) -> None:
  """Run as a whole, as there; in windows, each of which has ranges of its own, nearly."""
  codec = _exported("mobile", tmp_path, DYNAMIC)
  photo = odd_photo[:101, :137]
  data = codec.compress(photo, 8)
  in_int8 = load("mobile", precision="int8")
  assert isinstance(in_int8, RecurrentCodec)
  folder = tmp_path / WEB_FOLDER
  (windows,) = web_player.play(folder, {"odd": [data]})[0].values()
  description = folder / "model/decoder.json"
  values = json.loads(description.read_text())
  description.write_text(json.dumps({**values, "reach": None}))
  (whole,) = web_player.play(folder, {"odd": [data]})[0].values()
  _check(whole, in_int8, data, 8)
  errors = [
    np.mean((played.pictures[-1].image - photo.astype(float)) ** 2) for played in (whole, windows)
  ]
  assert abs(10 * np.log10(errors[1] / errors[0])) < 0.05


def test_a_browser_that_is_not_there_is_one_line(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(web_player, "find", lambda: None)
  with pytest.raises(web_player.CompressionError, match="^there is no browser"):
    web_player.play(tmp_path, {"a": [b""]})
