"""balle2017: latents are exact, strips leave no seams, weights that do not fit are refused."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs import strips
from compression.codecs.balle2017 import codec as codec_lib
from compression.codecs.balle2017.codec import BLOCK, Balle2017, Balle2017Coder
from compression.codecs.model_folders import Model
from compression.common.errors import ModelError
from tests.codecs.balle2017.examples import arrays, write_model


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Balle2017:
  return Balle2017(Model("random", write_model(tmp_path_factory.mktemp("models") / "random")))


def test_what_is_decoded_is_the_synthesis_of_the_rounded_latents(codec, photo):
  image = photo[:40, :56]
  coder = codec._coder(1)
  extended = np.pad(image, [(0, 8), (0, 8), (0, 0)], mode="edge")
  y = coder._network.g_a(extended[np.newaxis].astype(np.float32) / 255)
  with np.load(codec.folder / "quality_1.npz") as saved:
    offset = saved["prior/offset"]
  y_hat = np.round(y - offset) + offset
  x_hat = np.clip(coder._network.g_s(y_hat)[0] * 255, 0, 255)
  decoded = codec.decompress(codec.compress(image, 1))
  assert np.abs(decoded - x_hat[:40, :56]).max() <= 0.51


def test_strips_are_the_image_in_one_piece(monkeypatch, photo):
  """With an edge in each strip; values may differ as sums of floats do, in another order."""
  coder = Balle2017Coder(arrays(scale=3.0), "here")
  image = photo[:192, :48]
  whole = coder.analyse(image)
  y_hat = np.round(whole)
  pixels = coder.synthesise(y_hat)
  monkeypatch.setattr(strips, "ROWS", 2)
  np.testing.assert_allclose(coder.analyse(image), whole, atol=1e-4)
  assert np.abs(coder.synthesise(y_hat).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_the_reach_of_the_transforms_is_no_larger_than_said(rows):
  """A change beyond the reach changes nothing at all."""
  coder = Balle2017Coder(arrays(), "here")
  x = np.random.default_rng(0).random([1, 12 * BLOCK, BLOCK, 3]).astype(np.float32)
  changed = x.copy()
  changed[:, (rows + codec_lib._REACH_OF_ANALYSIS) * BLOCK :] = 0
  same = coder._network.g_a(x).numpy()[:, :rows], coder._network.g_a(changed).numpy()[:, :rows]
  np.testing.assert_allclose(*same, atol=1e-5)
  y = np.random.default_rng(0).normal(0, 3, [1, 12, 2, same[0].shape[-1]]).astype(np.float32)
  changed = y.copy()
  changed[:, rows + codec_lib._REACH_OF_SYNTHESIS :] = 0
  end = rows * BLOCK
  same = coder._network.g_s(y).numpy()[:, :end], coder._network.g_s(changed).numpy()[:, :end]
  np.testing.assert_allclose(*same, atol=1e-5)
  changed = y.copy()
  changed[:, : 12 - rows - codec_lib._REACH_OF_SYNTHESIS] = 0
  same = coder._network.g_s(y).numpy()[:, -end:], coder._network.g_s(changed).numpy()[:, -end:]
  np.testing.assert_allclose(*same, atol=1e-5)


def test_weights_that_do_not_fit_are_refused():
  good = arrays()
  for wrong in (
    {n: a for n, a in good.items() if n != "synthesis/conv2/bias"},
    {**good, "synthesis/conv2/bias": good["synthesis/conv2/bias"][:-1]},
    {**good, "analysis/gdn1/beta_root": np.full_like(good["analysis/gdn1/beta_root"], np.nan)},
    {n: a for n, a in good.items() if n != "prior/symbols"},
  ):
    with pytest.raises(ModelError, match="^here: [^\n]+$"):
      Balle2017Coder(wrong, "here")
