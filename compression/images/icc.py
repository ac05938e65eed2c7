"""Colour profiles made of numbers: primaries, white and a curve, as files state them without one.

ICC.1:2010 (version 4), a display profile of three curves and a matrix, for LittleCMS to apply.
Nothing here needs TensorFlow.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_D50 = np.array([0.96422, 1.0, 0.82521])  # of the space in which profiles meet
_BRADFORD = np.array(
  [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_HEADER_BYTES = 128
_VERSION = 0x04200000
_ONE = 65536  # of s15Fixed16
_DATE = (2020, 1, 1, 0, 0, 0)  # it has to have one

D65 = (0.3127, 0.3290)


class Primaries(NamedTuple):
  """CIE 1931 x and y of red, green, blue and white."""

  red: tuple[float, float]
  green: tuple[float, float]
  blue: tuple[float, float]
  white: tuple[float, float] = D65


class Curve(NamedTuple):
  """From what is stored, 0 to 1, to light: `(a x + b) ** gamma` from `d` on, below it `c x`."""

  gamma: float
  a: float = 1.0
  b: float = 0.0
  c: float = 0.0
  d: float = 0.0


SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
SRGB_CURVE = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(primaries: Primaries, curve: Curve) -> bytes:
  """The file of a profile with the same curve for red, green and blue.

  Raises:
    ValueError: if the primaries span no colours.
  """
  parameters = curve if curve.d else curve[:1]
  kind = 3 if curve.d else 0
  tone = struct.pack(">4sIHH", b"para", 0, kind, 0) + _fixed(parameters)
  tags = {b"wtpt": _xyz(_D50)}
  for name, column in zip((b"r", b"g", b"b"), _to_d50(primaries).T):
    tags[name + b"XYZ"], tags[name + b"TRC"] = _xyz(column), tone
  start = _HEADER_BYTES + 4 + 12 * len(tags)
  table, data = struct.pack(">I", len(tags)), b""
  for name, content in tags.items():
    table += struct.pack(">4sII", name, start + len(data), len(content))
    data += content
  header = struct.pack(">II I4s4s4s", start + len(data), 0, _VERSION, b"mntr", b"RGB ", b"XYZ ")
  header += struct.pack(">6H4s", *_DATE, b"acsp") + bytes(28) + _fixed(_D50)
  return header.ljust(_HEADER_BYTES, b"\0") + table + data


def _to_d50(primaries: Primaries) -> np.ndarray:
  """From linear RGB to XYZ, adapted to the white of profiles: float64 [3, 3]."""
  if min(y for _, y in primaries) <= 0:
    raise ValueError("a primary without light")
  *columns, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in primaries)
  matrix = np.stack(columns, axis=1)
  try:
    matrix = matrix * np.linalg.solve(matrix, white)
  except np.linalg.LinAlgError as error:
    raise ValueError("primaries on a line") from error
  gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
  return np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ matrix


def _xyz(values: Sequence[float] | np.ndarray) -> bytes:
  return struct.pack(">4sI", b"XYZ ", 0) + _fixed(values)


def _fixed(values: Sequence[float] | np.ndarray) -> bytes:
  """As s15Fixed16 numbers; raises ValueError for what they do not hold."""
  numbers = [round(float(value) * _ONE) for value in values]
  if max(map(abs, numbers)) >= 2**31:
    raise ValueError("a number out of range")
  return struct.pack(f">{len(numbers)}i", *numbers)
