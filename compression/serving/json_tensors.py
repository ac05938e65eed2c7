"""Tensors as JSON, in the two forms of TensorFlow Serving's REST interface.

    column  {"inputs": {"x": [[1, 2], [3, 4]], "y": 5}}    ->  {"outputs": {"a": ..., "b": ...}}
    row     {"instances": [{"x": [1, 2]}, {"x": [3, 4]}]}  ->  {"predictions": [{"a": ...}, ...]}

The name may be left out where there is only one tensor. Rows become the first dimension of every
input, so that scalars can be sent in columns only. Strings are text, or bytes as {"b64": "..."}; an
output that consists of bytes has a name that ends in `_bytes`.

All inputs have to be there, also those with a default, as TensorFlow Serving's REST interface wants
them; unlike it, unknown ones are refused in columns, too, and so are numbers that do not fit.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from compression.serving.errors import Code, RequestError, invalid
from compression.serving.models import Input

_BASE64 = "b64"
_BYTES_SUFFIX = "_bytes"

_JSON_TYPES = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float), "O": (str, dict)}
"""What the kinds of NumPy's types are made from; strings are objects."""

_MAX_RANK = 32
"""NumPy's."""

_SHOWN = 60
"""Characters of a value in a message."""


def parse(body: bytes) -> dict[str, Any]:
  """The object that the body of a request is.

  Raises:
    RequestError: if it is none; for malformed JSON it tells the place.
  """
  try:
    request = json.loads(body.decode())
  except json.JSONDecodeError as error:
    raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
  except UnicodeDecodeError as error:
    raise invalid(f"JSON Parse error: not UTF-8 at offset: {error.start}") from error
  except RecursionError as error:
    raise invalid("JSON Parse error: nested too deeply") from error
  except ValueError as error:  # an integer of thousands of digits
    raise invalid(f"JSON Parse error: {error}") from error
  if not isinstance(request, dict):
    raise invalid(f"JSON Value: {_shown(request)} Is not object")
  return request


def is_row(request: Mapping[str, Any]) -> bool:
  """Whether the request has rows, and so the answer, too.

  Raises:
    RequestError: if it has both forms or neither.
  """
  if "instances" in request and "inputs" in request:
    raise invalid("expecting only one of 'inputs' or 'instances' keys to exist")
  if "instances" not in request and "inputs" not in request:
    raise invalid("Missing 'inputs' or 'instances' key")
  return "instances" in request


def inputs(request: Mapping[str, Any], expected: Mapping[str, Input]) -> dict[str, np.ndarray]:
  """The inputs of a request, of the types that are expected.

  Raises:
    RequestError: if they are not.
  """
  columns = _from_rows(request, expected) if is_row(request) else _from_columns(request, expected)
  return {name: _tensor(name, value, expected[name].dtype) for name, value in columns.items()}


def answer(outputs: Mapping[str, np.ndarray], row: bool) -> dict[str, Any]:
  """What a request with rows, or with columns, is answered with.

  Raises:
    RequestError: if the outputs are no rows of one length, or bytes that are no text.
  """
  if not outputs:
    raise invalid("Cannot convert empty tensor map to JSON")
  values = {name: _values(name, value) for name, value in outputs.items()}
  if not row:
    return {"outputs": _alone_or_named(values)}
  sizes = {name: value.shape[0] if value.ndim else None for name, value in outputs.items()}
  if None in sizes.values() or len(set(sizes.values())) > 1:
    shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())
    raise invalid(f"the outputs are not rows of one length: {shapes}; send 'inputs' instead")
  rows = zip(*values.values())
  return {"predictions": [_alone_or_named(dict(zip(values, row))) for row in rows]}


def _alone_or_named(values: Mapping[str, Any]) -> Any:
  return values if len(values) > 1 else next(iter(values.values()))


def _from_columns(request: Mapping[str, Any], expected: Mapping[str, Input]) -> dict[str, Any]:
  columns = request["inputs"]
  if not _is_named(columns):
    if len(expected) != 1:
      raise invalid(f"'inputs' must be an object with the keys {_names(expected)}")
    return dict.fromkeys(expected, columns)
  for name in expected:
    if name not in columns:
      raise invalid(f"Missing named input: {name} in 'inputs' object.")
  for name in columns:
    if name not in expected:
      raise invalid(f"'inputs' has the unknown key {name}; there are: {_names(expected)}")
  return dict(columns)


def _from_rows(request: Mapping[str, Any], expected: Mapping[str, Input]) -> dict[str, Any]:
  rows = request["instances"]
  if not isinstance(rows, list) or not rows:
    raise invalid("'instances' must be a list with at least one element")
  for name, input in expected.items():
    if input.shape.rank == 0:
      raise invalid(f"input {name} is a scalar, and cannot be in rows; send 'inputs' instead")
  if not _is_named(rows[0]):
    if len(expected) != 1:
      raise invalid(f"the elements of 'instances' must be objects with the keys {_names(expected)}")
    return dict.fromkeys(expected, rows)
  for index, row in enumerate(rows):
    if not _is_named(row) or set(row) != set(expected):
      raise invalid(f"instances[{index}] must be an object with the keys {_names(expected)}")
  return {name: [row[name] for row in rows] for name in expected}


def _is_named(value: Any) -> bool:
  return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
  return isinstance(value, dict) and set(value) == {_BASE64} and isinstance(value[_BASE64], str)


def _names(expected: Mapping[str, Input]) -> str:
  return ", ".join(expected)


def _tensor(name: str, value: Any, dtype: tf.DType) -> np.ndarray:
  """An array of nested lists; their innermost elements are checked by C, as there are millions."""
  kind = np.dtype(dtype.as_numpy_dtype).kind
  if kind not in _JSON_TYPES:
    raise RequestError(Code.UNIMPLEMENTED, f"input {name}: no JSON for {dtype.name}; use gRPC")
  shape: list[int] = []
  level = [value]
  while level and isinstance(level[0], list):
    sizes = {len(part) if isinstance(part, list) else None for part in level}
    if len(sizes) > 1:
      raise invalid(f"input {name}: at level {len(shape)} there are not lists of one length")
    if len(shape) == _MAX_RANK:
      raise invalid(f"input {name}: lists are nested more than {_MAX_RANK} times")
    shape.append(len(level[0]))
    level = list(itertools.chain.from_iterable(level))
  wrong = set(map(type, level)) - set(_JSON_TYPES[kind])
  if wrong:
    index = next(i for i, leaf in enumerate(level) if type(leaf) in wrong)
    raise invalid(f"input {name}{_place(index, shape)}: {_shown(level[index])} is no {dtype.name}")
  if kind == "O":
    strings = [_bytes(name, index, shape, leaf) for index, leaf in enumerate(level)]
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)
  if kind in "iu" and level:
    for extreme in (min(level), max(level)):
      if not dtype.min <= extreme <= dtype.max:
        raise invalid(f"input {name}: {_shown(extreme)} does not fit {dtype.name}")
  try:
    array = np.array(level, np.float64 if kind == "f" else dtype.as_numpy_dtype)
  except OverflowError as error:
    raise invalid(f"input {name}: a number does not fit {dtype.name}") from error
  if kind == "f":
    with np.errstate(over="ignore"):
      exact, array = array, array.astype(dtype.as_numpy_dtype)
    if np.any(np.isinf(array) & np.isfinite(exact)):
      raise invalid(f"input {name}: a number does not fit {dtype.name}")
  return array.reshape(shape)


def _bytes(name: str, index: int, shape: list[int], leaf: str | dict[str, Any]) -> bytes:
  place = f"input {name}{_place(index, shape)}"
  try:
    if isinstance(leaf, str):
      return leaf.encode()
    if _is_base64(leaf):
      return base64.b64decode(leaf[_BASE64], validate=True)
  except UnicodeEncodeError as error:
    raise invalid(f"{place}: {_shown(leaf)} is no text") from error
  except (binascii.Error, ValueError) as error:
    raise invalid(f"{place}: Unable to base64 decode {_shown(leaf)}: {error}") from error
  raise invalid(f'{place}: {_shown(leaf)} is neither text nor {{"b64": "..."}}')


def _place(index: int, shape: list[int]) -> str:
  """`[1][0]`, the place in nested lists."""
  return "".join(f"[{i}]" for i in np.unravel_index(index, shape)) if shape else ""


def _shown(value: Any) -> str:
  text = json.dumps(value)
  return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _values(name: str, array: np.ndarray) -> Any:
  """Nested lists, or a single value."""
  if array.dtype.kind == "O":
    convert = _as_base64 if name.endswith(_BYTES_SUFFIX) else bytes.decode
    try:
      strings = np.frompyfunc(convert, 1, 1)(array)
    except UnicodeDecodeError as error:
      raise invalid(
        f"output {name} holds bytes that are no text, and its name does not end in {_BYTES_SUFFIX}"
      ) from error
    return strings.tolist() if isinstance(strings, np.ndarray) else strings
  if array.dtype == np.float32:
    # By way of their shortest decimals: 0.1, not 0.10000000149011612, which is no other float32.
    return array.astype(str).astype(np.float64).tolist()
  if array.dtype.kind not in "biuf":
    raise RequestError(Code.UNIMPLEMENTED, f"output {name}: no JSON for {array.dtype}; use gRPC")
  return array.tolist()


def _as_base64(data: bytes) -> dict[str, str]:
  return {_BASE64: base64.b64encode(data).decode("ascii")}
