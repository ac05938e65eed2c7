"""The page is measured beside Python: each decodes the whole file, as often as it is asked to."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from compression.exporting import web_benchmark, web_player
from tests.exporting.examples import small_codec
from tests.web.browsers import needs_runtime

pytestmark = needs_runtime


def test_every_decoder_is_measured_by_its_last_picture(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  codec = small_codec()
  data = codec.compress(np.zeros([40, 50, 3], np.uint8), 2)
  image = np.zeros([40, 50, 3], np.uint8)
  seconds = iter([9.0, 3.0, 2.0])
  asked = []

  def play(folder: pathlib.Path, files: dict[str, list[bytes]]) -> tuple[dict, int]:
    assert (folder / "index.html").is_file()
    asked.extend(files.values())
    return {
      name: web_player.Played(
        [web_player.Picture(image, n, 10, (n - 1) * last) for n in (1, 2)], None, None
      )
      for name, last in zip(files, seconds)
    }, 5

  monkeypatch.setattr(web_player, "play", play)
  found = web_benchmark.measure(codec, data, tmp_path, "float16", 2)
  assert list(found) == ["Python", "TensorFlow Lite", "page in Chromium"]
  assert found["page in Chromium"] == web_benchmark.Measured(1.0, 9.0, 5)
  assert asked == [[data]] * 3
  assert all(each.seconds > 0 and each.first > 0 for each in found.values())
