"""The padded and masked convolutions: NumPy, the release's numbers, what each may see."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.common import masks
from compression.layers.release.masked_conv import (
  PADDINGS,
  DepthOrderConv2D,
  GroupRasterScanConv2D,
  InFillingConv2D,
  PaddedConv2D,
  RasterScanConv2D,
)
from tests.golden import entropy_reference as reference
from tests.golden import release

# Every layer with the arguments that differ, and its mask for kernel sizes, 4 inputs, 6 outputs.
CASES = {
  "padded": (PaddedConv2D, {}, lambda size: 1.0),
  "raster_strict": (RasterScanConv2D, {}, lambda size: masks.raster_scan(size, True)),
  "raster": (RasterScanConv2D, {"strict": False}, lambda size: masks.raster_scan(size, False)),
  "depth_strict": (DepthOrderConv2D, {}, lambda size: masks.depth_order(4, 6, True)),
  "depth": (DepthOrderConv2D, {"strict": False}, lambda size: masks.depth_order(4, 6, False)),
  "group_strict": (
    GroupRasterScanConv2D,
    {"group_in": 2, "group_out": 3},
    lambda size: masks.group_raster_scan(size, 4, 6, 2, 3, True),
  ),
  "group": (
    GroupRasterScanConv2D,
    {"strict": False, "group_in": 2, "group_out": 3},
    lambda size: masks.group_raster_scan(size, 4, 6, 2, 3, False),
  ),
  "in_filling": (InFillingConv2D, {}, lambda size: masks.in_filling(size)),
}
each_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("blocks", request.param)


def noise(*shape, seed=1):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def made(case, *arguments, **more):
  """A layer of 6 depths, built for 4, with random weights."""
  layer_class, extra, _ = CASES[case]
  layer = layer_class(6, *arguments, **extra, **more)
  layer.build([None, None, None, 4])
  for seed, variable in enumerate(layer.weights):
    variable.assign(noise(*variable.shape, seed=seed + 10))
  return layer


# Numbers


@each_case
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size, strides", [((5, 3), (1, 1)), ((3, 5), (2, 2)), ((1, 3), (1, 2))])
def test_a_masked_kernel_convolves(case, padding, size, strides):
  layer = made(case, size, strides, padding, use_bias=True, activation="tanh")
  x = noise(2, 7, 8, 4)
  kernel = layer.kernel.numpy() * CASES[case][2](size)
  expected = np.tanh(reference.conv2d(x, kernel, strides, padding) + layer.bias.numpy())
  np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["SAME", "REFLECT", "SYMMETRIC"])
@pytest.mark.parametrize("height, width", [(4, 5), (5, 6), (7, 9)])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_padding_also_with_strides_larger_than_the_kernel(padding, height, width, size, stride):
  layer = made("padded", size, stride, padding)
  x = noise(1, height, width, 4)
  expected = reference.conv2d(x, layer.kernel.numpy(), (stride, stride), padding)
  assert expected.shape[1:3] == (-(-height // stride), -(-width // stride))
  np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["REFLECT", "SYMMETRIC", "SAME"])
def test_the_releases_numbers_are_reproduced(golden, padding):
  for name in golden.folders(f"conv2d_{padding.lower()}_stride"):
    arrays = golden.folder(name)
    layer = PaddedConv2D(4, (5, 3), int(name[-1]), padding, use_bias=True)
    layer.build([None, None, None, 3])
    layer.set_weights([arrays["kernel"], arrays["bias"]])
    for parity in ("a", "b"):
      y, expected = layer(arrays[f"x_{parity}"]), arrays[f"y_{parity}"]
      np.testing.assert_allclose(y, expected, atol=release.TOLERANCE, rtol=0)


def test_without_mirrors_it_is_keras_convolution():
  for padding in ("same", "valid"):
    layer = made("padded", (5, 3), (2, 1), padding, use_bias=True, activation="relu")
    other = tf.keras.layers.Conv2D(6, (5, 3), (2, 1), padding, activation="relu")
    other.build([None, None, None, 4])
    other.set_weights(layer.get_weights())
    x = noise(2, 7, 8, 4)
    np.testing.assert_allclose(layer(x), other(x), rtol=1e-5, atol=1e-5)


# Who sees whom


def influence(layer, place, x):
  """Where and in which output depths y changes when x changes at `place`: bool [H, W, depth]."""
  other = x.copy()
  other[(0, *place)] += 1
  return np.abs(layer(other)[0] - layer(x)[0]) > 1e-4


@pytest.mark.parametrize("strict", [True, False])
def test_raster_scan_never_sees_later_places(strict):
  layer = made("raster_strict" if strict else "raster", 5)
  changed = influence(layer, (2, 3, 1), noise(1, 6, 7, 4))
  order = np.arange(42).reshape(6, 7)[:, :, np.newaxis] - (2 * 7 + 3)
  assert not np.any(changed & (order < 0))
  assert np.any(changed & (order == 0)) == (not strict)
  assert np.all(changed[3:5, 1:6]) and np.all(changed[2, 4:6])  # all that the kernel reaches


@pytest.mark.parametrize("strict", [True, False])
def test_depth_order_never_sees_higher_depths(strict):
  layer = made("depth_strict" if strict else "depth", 3)
  changed = influence(layer, (2, 3, 1), noise(1, 6, 7, 4))
  assert not np.any(changed[..., : 2 if strict else 1])
  assert np.all(changed[1:4, 2:5, 2 if strict else 1 :])


@pytest.mark.parametrize("strict", [True, False])
def test_group_raster_scan_sees_earlier_groups_of_its_own_place(strict):
  layer = made("group_strict" if strict else "group", 3)
  for depth_in in range(4):  # two groups of two; outputs are two groups of three
    changed = influence(layer, (2, 3, depth_in), noise(1, 6, 7, 4))
    group = depth_in // 2
    seen = [group < n if strict else group <= n for n in (0, 0, 0, 1, 1, 1)]
    np.testing.assert_array_equal(changed[2, 3], seen)
    assert np.all(changed[2, 4]) and np.all(changed[3, 2:5])
    assert not np.any(changed[:2]) and not np.any(changed[2, :3])


def test_in_filling_sees_all_but_itself():
  changed = influence(made("in_filling", 3), (2, 3, 1), noise(1, 6, 7, 4))
  expected = np.zeros_like(changed)
  expected[1:4, 2:5] = True
  expected[2, 3] = False
  np.testing.assert_array_equal(changed, expected)


@each_case
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_gradients_reach_what_the_mask_leaves_and_nothing_else(case, padding):
  layer = made(case, 3, 1, padding, use_bias=True)
  x = tf.constant(noise(1, 6, 7, 4))
  with tf.GradientTape() as tape:
    tape.watch(x)
    loss = tf.reduce_sum(layer(x) ** 2)
  kernel, bias, inputs = tape.gradient(loss, [layer.kernel, layer.bias, x])
  mask = np.broadcast_to(CASES[case][2]((3, 3)), kernel.shape)
  np.testing.assert_array_equal(kernel.numpy() != 0, mask > 0)
  assert np.all(np.isfinite(inputs)) and np.any(inputs) and np.all(bias)


# Shapes, precision, configurations


@each_case
@pytest.mark.parametrize("padding", PADDINGS)
def test_one_trace_serves_all_sizes(case, padding):
  layer = made(case, 3, 2, padding)
  signature = [tf.TensorSpec([None, None, None, 4])]
  traced = tf.function(lambda x: layer(x), input_signature=signature)
  for shape in ([1, 6, 7, 4], [2, 5, 4, 4]):
    x = noise(*shape)
    np.testing.assert_allclose(traced(x), layer(x), rtol=1e-5, atol=1e-5)
  assert traced.experimental_get_tracing_count() == 1


def test_sizes_that_are_known_stay_known():
  for padding in PADDINGS:
    y = made("raster", 3, 1, padding)(tf.keras.Input([8, 9, 4]))
    assert y.shape[1:] == ((6, 7, 6) if padding == "VALID" else (8, 9, 6))


@each_case
@pytest.mark.parametrize("padding", PADDINGS)
def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(case, padding):
  exact = made(case, 3, 1, padding, use_bias=True, activation="tanh")
  mixed = made(case, 3, 1, padding, use_bias=True, activation="tanh", dtype="mixed_bfloat16")
  x = noise(1, 6, 7, 4) * 0.1
  y = mixed(x)
  assert y.dtype == tf.bfloat16
  assert {variable.dtype for variable in mixed.weights} == {tf.float32}
  np.testing.assert_allclose(tf.cast(y, tf.float32), exact(x), atol=0.05)


@each_case
def test_the_configuration_makes_the_same_layer(case, tmp_path):
  layer_class, extra, _ = CASES[case]
  layer = made(case, (5, 3), (1, 2), "reflect", use_bias=True, activation="elu", name="masked")
  config = layer.get_config()
  assert {**extra, "depth": 6, "padding": "REFLECT", "name": "masked"}.items() <= config.items()
  copy = layer_class.from_config(config)
  assert copy.get_config() == config
  image = tf.keras.Input([None, None, 4])
  model = tf.keras.Model(image, layer(image))
  model.save(tmp_path / "model.keras")
  x = noise(1, 6, 7, 4)
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  assert type(loaded.layers[-1]) is layer_class
  np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6, atol=1e-6)


def test_kernels_begin_with_the_releases_distribution():
  layer = RasterScanConv2D(64, 7)
  layer.build([None, None, None, 32])
  deviation = 1 / np.sqrt(7 * 7 * 32)
  assert np.abs(layer.kernel).max() <= 2 * deviation * (1 + 1e-6)
  assert np.std(layer.kernel) == pytest.approx(0.88 * deviation, rel=0.02)
  assert layer.bias is None


# What is refused


@pytest.mark.parametrize("argument", ["depth", "kernel_size", "strides"])
@pytest.mark.parametrize("value", [0, -1, 2.5, None, "33", [3, 0], [3, 3, 3]], ids=str)
def test_what_is_no_positive_whole_number_is_refused(argument, value):
  with pytest.raises(ValueError, match=f"^{argument} must be .* Received: "):
    PaddedConv2D(**{"depth": 4, "kernel_size": 3, argument: value})


def test_other_paddings_are_refused():
  for padding in ("FULL", None, 1):
    with pytest.raises(ValueError, match="padding must be one of .* Received: "):
      PaddedConv2D(4, 3, padding=padding)


def test_inputs_that_are_no_images_of_known_depth_are_refused():
  with pytest.raises(ValueError, match="ndim=4"):
    PaddedConv2D(4, 3)(tf.zeros([6, 5, 3]))
  with pytest.raises(ValueError, match="must be known"):
    PaddedConv2D(4, 3).build([None, None, None, None])


def test_kernels_that_can_have_no_mask_are_refused():
  for layer in (RasterScanConv2D(4, 2), GroupRasterScanConv2D(4, (3, 2)), InFillingConv2D(4, 4)):
    with pytest.raises(ValueError, match="must be odd"):
      layer.build([None, None, None, 4])
  with pytest.raises(ValueError, match="1x1"):
    InFillingConv2D(4, 1).build([None, None, None, 4])
  with pytest.raises(ValueError, match="multiple of its group"):
    GroupRasterScanConv2D(4, 3, group_in=3).build([None, None, None, 4])
