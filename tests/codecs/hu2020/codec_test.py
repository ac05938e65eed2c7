"""hu2020: latents are those that were encoded, strips leave no seams, the card is right."""

from __future__ import annotations

import os
import pathlib
import re

import numpy as np
import pytest

from compression.codecs import registry, strips
from compression.codecs.hu2020 import codec as codec_lib
from compression.codecs.hu2020.codec import BLOCK, Hu2020, Hu2020Coder
from compression.codecs.model_folders import Model
from compression.common.errors import ModelError
from compression.images.photos import read_photo
from compression.metrics import psnr
from tests.codecs.hu2020.examples import arrays, write_model


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Hu2020:
  return Hu2020(Model("random", write_model(tmp_path_factory.mktemp("models") / "random")))


def test_what_is_decoded_is_the_synthesis_of_the_latents_that_were_encoded(codec, photo):
  """All of them: sizes of z2 and z1 are rounded up, and each says where the next finer one is."""
  image = photo[:40, :88]
  coder = codec._coder(1)
  seen = []
  coder_decode = coder.synthesise

  def synthesise(y_hat: np.ndarray, h: np.ndarray) -> np.ndarray:
    seen.append(y_hat)
    return coder_decode(y_hat, h)

  coder.synthesise = synthesise
  try:
    coder.decode(coder.encode(image), *image.shape[:2])
  finally:
    del coder.synthesise
  y = coder.analyse(image)
  assert seen[0].shape == y.shape
  off = np.abs(seen[0] - y)
  assert off.max() <= 1.51  # a half, and one where that saves bits
  assert np.mean(off > 0.51) < 0.2


def test_strips_are_the_image_in_one_piece(monkeypatch, photo):
  """With an edge in each strip; values may differ as sums of floats do, in another order."""
  coder = Hu2020Coder(arrays(scale=3.0), "here")
  image = photo[:192, :48]
  whole = coder.analyse(image)
  y_hat = np.round(whole)
  h = np.random.default_rng(0).normal(0, 1, [12, 3, _features(coder)]).astype(np.float32)
  pixels = coder.synthesise(y_hat, h)
  monkeypatch.setattr(strips, "ROWS", 2)
  np.testing.assert_allclose(coder.analyse(image), whole, atol=1e-4)
  assert np.abs(coder.synthesise(y_hat, h).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("rows", [1, 2])
def test_the_reach_of_the_transforms_is_no_larger_than_said(rows):
  """A change beyond the reach changes nothing at all."""
  coder = Hu2020Coder(arrays(), "here")
  rng = np.random.default_rng(0)
  x = rng.random([1, 10 * BLOCK, BLOCK, 3]).astype(np.float32)
  changed = x.copy()
  changed[:, (rows + codec_lib._REACH_OF_ANALYSIS) * BLOCK :] = 0
  same = (coder._network.g_a(each).numpy()[:, :rows] for each in (x, changed))
  np.testing.assert_allclose(*same, atol=1e-4)
  channels = coder._network.channels
  both = [rng.normal(0, 3, [1, 10, 2, c]).astype("f4") for c in (channels, _features(coder))]
  pixels = coder._network.g_s(*both).numpy()
  end, reach = rows * BLOCK, codec_lib._REACH_OF_SYNTHESIS
  for begin, at in ((rows + reach, slice(None, end)), (-rows - reach, slice(-end, None))):
    changed = [each.copy() for each in both]
    for each in changed:
      each[:, begin:] *= 0 if begin > 0 else 1
      each[:, :begin] *= 0 if begin < 0 else 1
    np.testing.assert_allclose(
      coder._network.g_s(*changed).numpy()[:, at], pixels[:, at], atol=1e-4
    )


def _features(coder: Hu2020Coder) -> int:
  return coder._network.channels // 2 + coder._network.channels // 8


def test_weights_that_do_not_fit_are_refused():
  good = arrays()
  for name, wrong in (
    ("synthesis/conv2/bias", None),
    ("output/conv5/bias", good["output/conv5/bias"][:-1]),
    ("analysis/gdn1/beta_root", np.full_like(good["analysis/gdn1/beta_root"], np.nan)),
    ("prior/symbols", None),
    ("prediction3/conv1/kernel", good["prediction3/conv1/kernel"][:, :, :-1]),
    ("prediction2/conv3/bias", good["prediction2/conv3/bias"].astype(np.float32)),
    ("hyper_synthesis2/conv4/kernel", None),
    ("residuals3/counts", good["residuals3/counts"] * 0),
    ("residuals2/order", good["residuals2/order"] * 0),
  ):
    arrays_now = {**good, name: wrong}
    if wrong is None:
      del arrays_now[name]
    with pytest.raises(ModelError, match="^here: [^\n]+$"):
      Hu2020Coder(arrays_now, "here")


@pytest.mark.skipif(not os.environ.get("KODAK_DIR"), reason="KODAK_DIR is not set")
def test_the_released_model_codes_kodak_as_its_card_says():
  """One photo: qualities in order, and as far from the means of the card as a photo may be."""
  codec = registry.find("hu2020")
  card = (codec.folder / "README.md").read_text()
  rows = re.findall(r"^\| (\d+) \| \S+ \| (\S+) \| (\S+) \| \S+ \| `(\w+)` \|$", card, re.M)
  assert [int(number) for number, *_ in rows] == list(codec.settings) and len(rows) >= 3
  assert [digits for *_, digits in rows] == list(codec.config.ids)
  image = read_photo(pathlib.Path(os.environ["KODAK_DIR"]) / "kodim19.png").image
  rates, decibels = [], []
  for number, bpp, mean, _ in rows:
    data = codec.compress(image, int(number))
    rates.append(8 * len(data) / image[..., 0].size)
    decibels.append(psnr(image, codec.decompress(data)))
    assert float(bpp) / 2 < rates[-1] < 2 * float(bpp)
    assert abs(decibels[-1] - float(mean)) < 4
  assert (np.diff(rates) > 0.02).all() and (np.diff(decibels) > 0.3).all()
