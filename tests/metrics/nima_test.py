"""NIMA with weights at random, in the format of the published ones."""

from __future__ import annotations

import pathlib

import h5py
import numpy as np
import pytest

from compression.common.errors import ImageError, ModelError
from compression.metrics import nima as nima_lib
from compression.metrics.nima import nima


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A file as Keras writes it, of a network whose scores differ between images."""
  rng = np.random.default_rng(0)
  network = nima_lib.build()
  for variable in network.trainable_weights:
    shape = tuple(variable.shape)
    if len(shape) > 1:  # kernels; those of depth [3, 3, channels, 1] see one channel
      inputs = shape[0] * shape[1] * (shape[2] if shape[-1] > 1 else 1) if len(shape) > 2 else 64
      variable.assign(rng.normal(0, np.sqrt(2 / inputs), shape))
  file = tmp_path_factory.mktemp("nima") / "mobilenet_weights.h5"
  network.save_weights(file)
  return file


def test_it_is_the_mean_of_the_scores(weights, photo):
  import tensorflow as tf

  image = photo[:64, :80]
  network = nima_lib.build()
  network.load_weights(weights)
  pixels = tf.keras.applications.mobilenet.preprocess_input(image[None].astype(np.float32))
  chances = network.predict(pixels, verbose=0)[0]
  expected = sum(score * chance for score, chance in enumerate(chances, 1))
  found = nima(image, weights)
  assert found == pytest.approx(expected, rel=1e-4) and 1 < found < 10
  assert found != pytest.approx(nima(255 - image, weights), rel=1e-4)
  np.testing.assert_allclose(nima(np.stack([image, image]), weights), [found] * 2, rtol=1e-5)


def test_the_layers_are_those_of_the_published_file(weights):
  with h5py.File(weights) as file:
    names = [
      name.decode() if isinstance(name, bytes) else name for name in file.attrs["layer_names"]
    ]
  assert {"conv1", "conv1_bn", "conv_dw_13", "conv_pw_13", "conv_pw_13_bn"} <= set(names)


def test_files_that_are_no_such_weights_are_refused(photo, tmp_path):
  image = photo[:40, :40]
  with pytest.raises(ModelError, match="no such file"):
    nima(image, tmp_path / "none.h5")
  (tmp_path / "text.h5").write_bytes(b"no weights")
  with h5py.File(tmp_path / "other.h5", "w") as file:
    file["kernel"] = np.zeros(3)
  for name in ("text.h5", "other.h5"):
    with pytest.raises(ModelError, match="^[^\n]*no Keras weights of NIMA[^\n]*$"):
      nima(image, tmp_path / name)


def test_images_that_it_cannot_take_are_refused(photo, weights):
  with pytest.raises(ImageError, match="at least 32"):
    nima(photo[:31], weights)
  with pytest.raises(ImageError, match="uint8"):
    nima(photo / 255.0, weights)
