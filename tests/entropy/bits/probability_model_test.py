"""What the probability models share: they are made by their configuration, and take codes apart."""

from __future__ import annotations

import pytest
import tensorflow as tf

from compression.entropy.bits import networks
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig
from compression.entropy.bits.probability_model import ProbabilityModel, split_layers

CONFIGS = {
  "interlaced": InterlacedConfig(2, 3, hidden=4, state=3, groups=2, group_hidden=4),
  "progressive": ProgressiveConfig(2, 3),
}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_model_is_made_again_by_its_configuration(name):
  model = networks.make(name, CONFIGS[name])
  assert isinstance(model, ProbabilityModel)
  again = type(model).from_config(model.get_config())
  assert type(again) is type(model) and again.config == CONFIGS[name]
  assert not again.built
  again.build_from_config(model.get_build_config())
  pairs = networks.pairs(model, again)
  assert pairs and all(one.shape == other.shape for one, other in pairs)


def numbered(count, depth=4):
  """[1, 1, 1, count]: each bit is the number of its layer, from 0."""
  return tf.range(count)[tf.newaxis, tf.newaxis, tf.newaxis] // depth


@pytest.mark.parametrize("coded, layers", [(0, 3), (1, 1), (2, 2), (3, 3)])
def test_codes_are_split_into_layers_from_the_first(coded, layers):
  found = split_layers(numbered(12), 4, 3, coded)
  assert [layer.shape for layer in found] == [[1, 1, 1, 4]] * layers
  assert [set(layer.numpy().ravel()) for layer in found] == [{t} for t in range(layers)]


def test_layers_beyond_the_largest_may_be_there_if_they_are_not_coded():
  assert len(split_layers(numbered(16), 4, 3, 2)) == 2


@pytest.mark.parametrize(
  "shape, coded, message",
  [
    ([1, 4, 5, 6], 0, "known T >= 1. Received: .1, 4, 5, 6."),
    ([1, 4, 5, 0], 0, "known T >= 1"),
    ([4, 5, 8], 0, "known T >= 1"),
    ([1, 4, 5, 4], 2, "2 layers at least. Received: 1"),
    ([1, 4, 5, 16], 0, "3 layers at most. Received: 4"),
  ],
)
def test_codes_that_do_not_fit_are_refused(shape, coded, message):
  with pytest.raises(ValueError, match=message):
    split_layers(tf.ones(shape), 4, 3, coded)


def test_codes_of_unknown_depth_are_refused():
  @tf.function(input_signature=[tf.TensorSpec([1, None, None, None])])
  def split(codes):
    return split_layers(codes, 4, 3)

  with pytest.raises(ValueError, match="known T >= 1"):
    split(tf.ones([1, 2, 2, 4]))
