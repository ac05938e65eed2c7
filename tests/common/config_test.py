"""Configurations go to JSON and back, and refuse what they do not know in one line."""

from __future__ import annotations

import dataclasses

import pytest

from compression.common.config import JsonConfig, parse_json, refuse_unknown
from compression.common.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class _Config(JsonConfig):
  depth: int = 3
  name: str = "a"


def test_round_trip() -> None:
  config = _Config(5, "b")
  assert _Config.from_json(config.to_json()) == config
  assert _Config.from_dict(config.to_dict()) == config
  assert type(_Config.from_json("{}")) is _Config


def test_unknown_keys_are_named_with_the_known_ones() -> None:
  with pytest.raises(ConfigError, match="^unknown key 'width' in the conf.*; known: depth, name$"):
    _Config.from_dict({"width": 1})
  with pytest.raises(ConfigError, match="unknown key 1 in x; known: a"):
    refuse_unknown({1: 2, "b": 3}, ["a"], "x")
  for wrong in ([1], None, "text"):
    with pytest.raises(ConfigError, match="must be an object with keys"):
      refuse_unknown(wrong, ["a"])


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str) -> None:
  with pytest.raises(ConfigError, match="^file.json: is not JSON: "):
    parse_json(text, "file.json:")
