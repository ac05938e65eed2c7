"""A configuration is complete, survives JSON, and refuses what no codec can be made of."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codecs.recurrent.config import FRAMEWORKS, MAX_ITERATIONS, UNITS, RecurrentConfig
from compression.common.errors import ConfigError

configs = st.builds(
  RecurrentConfig,
  unit=st.sampled_from(UNITS),
  framework=st.sampled_from(FRAMEWORKS),
  width=st.integers(1, 8 * 32).map(lambda n: n / 32),
  bits=st.integers(1, 32).map(lambda n: 8 * n),
  iterations=st.integers(1, MAX_ITERATIONS),
  pixel_range=st.floats(0.1, 1),
  use_bias=st.booleans(),
  priming=st.integers(0, 8),
)

# Not one of these makes a codec.
REFUSED = [
  ("unit", "rnn"),
  ("unit", "GRU"),
  ("unit", None),
  ("unit", ["gru"]),
  ("framework", "two_shot"),
  ("framework", 1),
  ("width", 0),
  ("width", -0.25),
  ("width", 1 / 64),
  ("width", 3 / 64),
  ("width", 0.3),
  ("width", 8.5),
  ("width", "0.25"),
  ("width", None),
  ("width", True),
  ("width", float("nan")),
  ("width", float("inf")),
  ("bits", 0),
  ("bits", 7),
  ("bits", 12),
  ("bits", -8),
  ("bits", 264),
  ("bits", 32.0),
  ("bits", "32"),
  ("bits", None),
  ("iterations", 0),
  ("iterations", 17),
  ("iterations", 1.0),
  ("iterations", True),
  ("pixel_range", 0),
  ("pixel_range", 0.0999),
  ("pixel_range", 1.001),
  ("pixel_range", -1),
  ("pixel_range", "1"),
  ("pixel_range", float("nan")),
  ("priming", -1),
  ("priming", 9),
  ("priming", 1.0),
  ("priming", True),
  ("use_bias", 0),
  ("use_bias", 1),
  ("use_bias", "true"),
  ("use_bias", None),
]


@pytest.mark.parametrize("name, value", REFUSED, ids=str)
def test_values_out_of_range_are_refused_in_one_line(name, value):
  for make in (
    lambda: RecurrentConfig(**{name: value}),
    lambda: RecurrentConfig.from_dict({name: value}),
  ):
    with pytest.raises(ConfigError, match=f"^{name} must ") as refusal:
      make()
    assert "\n" not in str(refusal.value)


def test_every_field_has_values_that_are_refused():
  assert {name for name, _ in REFUSED} == {
    field.name for field in dataclasses.fields(RecurrentConfig)
  }


def test_the_ends_of_the_ranges_are_allowed():
  RecurrentConfig(width=1 / 32, bits=8, iterations=1, pixel_range=0.1)
  RecurrentConfig(width=8, bits=256, iterations=16, pixel_range=1)


@pytest.mark.parametrize("key", ["widht", "", "Unit", "line\nbreak"])
def test_unknown_keys_are_refused_in_one_line(key):
  with pytest.raises(ConfigError, match="^unknown key .* known: unit, ") as refusal:
    RecurrentConfig.from_dict({"unit": "gru", key: 1})
  assert repr(key) in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
  "text", ["", "{", "[]", "3", "null", '"gru"', "{'unit': 'gru'}", '{"width": 1e999}', "\0"]
)
def test_texts_that_are_no_configuration_are_refused_in_one_line(text):
  with pytest.raises(ConfigError) as refusal:
    RecurrentConfig.from_json(text)
  assert "\n" not in str(refusal.value)


def test_nesting_without_end_is_refused():
  with pytest.raises(ConfigError):
    RecurrentConfig.from_json("[" * 100_000)


@given(configs)
def test_json_round_trip(config):
  assert RecurrentConfig.from_json(config.to_json()) == config
  assert RecurrentConfig.from_dict(config.to_dict()) == config
  assert RecurrentConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(configs)
def test_every_depth_is_whole_and_can_be_folded(config):
  for full in (64, 128, 256, 512):
    assert config.depth(full) == full * config.width
  assert config.depth(128) % 4 == 0


def test_what_is_left_out_is_as_in_the_paper_at_a_quarter_of_its_width():
  config = RecurrentConfig.from_json("{}")
  assert config == RecurrentConfig("residual_gru", "one_shot", 0.25, 32, 16, 1.0, False)
  assert config.bits_per_pixel == 0.125
  assert RecurrentConfig(bits=64).bits_per_pixel == 0.25


def test_a_configuration_cannot_be_changed():
  with pytest.raises(dataclasses.FrozenInstanceError):
    RecurrentConfig().width = 1
