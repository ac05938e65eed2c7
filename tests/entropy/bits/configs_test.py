"""The architectures of the probability models: defaults, the release's JSON, wrong values."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from compression.common.errors import ConfigError
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig


@pytest.mark.parametrize("kind", [InterlacedConfig, ProgressiveConfig])
def test_the_defaults_fit_the_released_models_and_come_back_from_json(kind):
  config = kind()
  assert (config.layer_depth, config.layer_count) == (32, 16)
  other = kind(layer_depth=64, layer_count=3)
  assert kind.from_json(other.to_json()) == other != config


def test_those_of_the_release_are_understood():
  config = ProgressiveConfig.from_json('{"layer_depth": 32, "layer_count": 16}')
  assert config == ProgressiveConfig(32, 16, 0)
  assert ProgressiveConfig.from_json(config.to_json()) == config
  assert json.loads(config.to_json())["coded_layer_count"] == 0


@pytest.mark.parametrize(
  "text, message",
  [
    ('{"layer_depth": 32, "layers": 16}', "unknown key 'layers'"),
    ('{"layer_depth": 0}', "layer_depth must be a whole number, at least 1: 0"),
    ('{"layer_count": 2.5}', "layer_count must be a whole number, at least 1: 2.5"),
    ('{"layer_count": true}', "layer_count must be a whole number, at least 1: True"),
    ('{"layer_count": "3"}', "layer_count must be a whole number, at least 1: '3'"),
    ('{"layer_count": NaN}', "layer_count must be a whole number, at least 1: nan"),
    ('{"coded_layer_count": -1}', "coded_layer_count must be a whole number, at least 0: -1"),
    (
      '{"layer_count": 2, "coded_layer_count": 3}',
      "coded_layer_count must be at most layer_count, 2: 3",
    ),
    ("[1]", "the configuration must be an object with keys"),
    ("{", "the configuration is not JSON"),
  ],
)
def test_wrong_values_of_the_progressive_model_are_named(text, message):
  with pytest.raises(ConfigError, match=f"^{message}"):
    ProgressiveConfig.from_json(text)


@pytest.mark.parametrize(
  "values, message",
  [
    ({"context": 4}, "context must be odd: 4"),
    ({"groups": 3}, "layer_depth must be a multiple of groups, 3: 32"),
    ({"group_hidden": 100}, "group_hidden must be a multiple of groups, 16: 100"),
    ({"hidden": 0}, "hidden must be a whole number, at least 1: 0"),
    ({"hidden": True}, "hidden must be a whole number, at least 1: True"),
    ({"state": 2.5}, "state must be a whole number, at least 1: 2.5"),
    ({"groups": 0}, "groups must be a whole number, at least 1: 0"),
    ({"shared_from": 0}, "shared_from must be a whole number, at least 1: 0"),
    ({"raster_layers": -1}, "raster_layers must be a whole number, at least 0: -1"),
    ({"raster_layers": 4}, "shared_from must be at least raster_layers, 4: 3"),
    ({"depth": 3}, "unknown key 'depth'"),
  ],
)
def test_wrong_values_of_the_interlaced_model_are_named(values, message):
  with pytest.raises(ConfigError, match=f"^{message}"):
    InterlacedConfig.from_json(json.dumps(values))


@pytest.mark.parametrize(
  "layers, shared_from, sets",
  [
    (6, 3, [0, 1, 2, 3, 3, 3]),
    (6, 1, [0, 1, 1, 1, 1, 1]),
    (3, 2, [0, 1, 2]),
    (3, 8, [0, 1, 2]),  # none are shared
    (1, 1, [0]),
  ],
)
def test_layers_share_their_kernels_from_one_on(layers, shared_from, sets):
  config = InterlacedConfig(layer_count=layers, shared_from=shared_from)
  assert [config.set_of(layer) for layer in range(layers)] == sets
  assert config.sets == len(set(sets))


def test_importing_it_imports_no_tensorflow():
  script = "import sys, compression.entropy.bits.configs; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", script]).returncode == 0
