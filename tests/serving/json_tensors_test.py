"""Tensors as JSON, and what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from compression.serving import json_tensors
from compression.serving.errors import Code, RequestError
from compression.serving.models import Input


def _inputs(request: dict[str, Any], **expected: tuple[tf.DType, list[int | None]]) -> dict:
  described = {
    name: Input(dtype, tf.TensorShape(shape), None) for name, (dtype, shape) in expected.items()
  }
  return json_tensors.inputs(json_tensors.parse(json.dumps(request).encode()), described)


def _one(value: Any, dtype: tf.DType) -> np.ndarray:
  """A value in the column form."""
  return _inputs({"inputs": {"x": value}}, x=(dtype, None))["x"]


def _refused(message: str, call: Any, *args: Any, code: Code = Code.INVALID_ARGUMENT, **kw: Any):
  with pytest.raises(RequestError, match=re.escape(message)) as raised:
    call(*args, **kw)
  assert raised.value.code == code


# Reading


@pytest.mark.parametrize(
  "body,message",
  [
    (b"", "JSON Parse error: Expecting value at offset: 0"),
    (b'{"inputs": [1, 2}', "Expecting ',' delimiter at offset: 16"),
    (b'{"inputs": 1} x', "Extra data at offset: 14"),
    (b'{"a": "\xff"}', "not UTF-8 at offset: 7"),
    ('{"a": 1}'.encode("utf-16"), "not UTF-8 at offset: 0"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"a": ' + b"9" * 5000 + b"}", "JSON Parse error"),
    (b"[1, 2]", "JSON Value: [1, 2] Is not object"),
  ],
)
def test_malformed_bodies(body: bytes, message: str) -> None:
  _refused(message, json_tensors.parse, body)


@pytest.mark.parametrize(
  "value,dtype,expected",
  [
    ([[0, 255]], tf.uint8, np.array([[0, 255]], np.uint8)),
    (-5, tf.int32, np.array(-5, np.int32)),
    ([2**63 - 1, -(2**63)], tf.int64, np.array([2**63 - 1, -(2**63)])),
    (2**64 - 1, tf.uint64, np.array(2**64 - 1, np.uint64)),
    ([1, 0.5], tf.float32, np.array([1, 0.5], np.float32)),
    ([1e-3], tf.float16, np.array([1e-3], np.float16)),
    ([float("nan"), float("-inf")], tf.float64, np.array([np.nan, -np.inf])),
    ([True, False], tf.bool, np.array([True, False])),
    (["é", ""], tf.string, np.array(["é".encode(), b""], object)),
    ([{"b64": "AP8="}, "b"], tf.string, np.array([b"\x00\xff", b"b"], object)),
    ([], tf.int32, np.zeros([0], np.int32)),
    ([[], []], tf.string, np.zeros([2, 0], object)),
  ],
)
def test_values_become_tensors(value: Any, dtype: tf.DType, expected: np.ndarray) -> None:
  found = _one(value, dtype)
  assert found.dtype == expected.dtype
  np.testing.assert_array_equal(found, expected)
  assert found.shape == expected.shape


@pytest.mark.parametrize(
  "value,dtype,message",
  [
    ([[1], [2.5]], tf.int32, "input x[1][0]: 2.5 is no int32"),
    ([1, 1.0], tf.uint8, "input x[1]: 1.0 is no uint8"),
    (True, tf.int32, "input x: true is no int32"),
    ([0, 1], tf.bool, "input x[0]: 0 is no bool"),
    ([None], tf.float32, "input x[0]: null is no float32"),
    (["1"], tf.float32, 'input x[0]: "1" is no float32'),
    ([1], tf.string, "input x[0]: 1 is no string"),
    ([{"b64": "AP8="}], tf.uint8, 'input x[0]: {"b64": "AP8="} is no uint8'),
    ([1, [2]], tf.int32, "input x[1]: [2] is no int32"),
    ([[1], 2], tf.int32, "input x: at level 1 there are not lists of one length"),
    ([[1], [2, 3]], tf.int32, "input x: at level 1 there are not lists of one length"),
    ([256], tf.uint8, "input x: 256 does not fit uint8"),
    ([0, -1], tf.uint8, "input x: -1 does not fit uint8"),
    ([2**31], tf.int32, "does not fit int32"),
    ([1e39], tf.float32, "a number does not fit float32"),
    ([10**400], tf.float64, "a number does not fit float64"),
    ([{"b64": "AP8"}], tf.string, "input x[0]: Unable to base64 decode"),
    ([{"b64": "A*8="}], tf.string, "input x[0]: Unable to base64 decode"),
    ([{"b64": "é"}], tf.string, "input x[0]: Unable to base64 decode"),
    (["a", {"b64": 1}], tf.string, 'input x[1]: {"b64": 1} is neither text nor'),
    ([{"b64": "", "c": 1}], tf.string, "is neither text nor"),
    (["\ud800"], tf.string, "is no text"),
    (["y" * 1000, 1], tf.uint8, f'input x[0]: "{"y" * 59}... is no uint8'),
  ],
)
def test_values_that_do_not_fit(value: Any, dtype: tf.DType, message: str) -> None:
  _refused(message, _one, value, dtype)


def test_types_without_json_are_not_implemented() -> None:
  for dtype in (tf.complex64, tf.bfloat16, tf.qint8):
    _refused(f"input x: no JSON for {dtype.name}", _one, 1, dtype, code=Code.UNIMPLEMENTED)
  value = np.zeros(1, np.complex64)
  _refused("output y: no JSON", json_tensors.answer, {"y": value}, False, code=Code.UNIMPLEMENTED)


def test_lists_may_be_nested_as_deeply_as_numpy_can() -> None:
  def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1

  assert _one(nested(32), tf.int32).ndim == 32
  _refused("nested more than 32 times", _one, nested(33), tf.int32)


X = (tf.int32, [None])
S = (tf.int32, [])


def test_columns() -> None:
  for inputs in ({"x": [1, 2]}, [1, 2]):
    np.testing.assert_array_equal(_inputs({"inputs": inputs}, x=X)["x"], [1, 2])
  found = _inputs({"inputs": {"x": [1, 2], "s": 3}}, x=X, s=S)
  assert (found["x"].tolist(), found["s"].tolist()) == ([1, 2], 3)
  one = _inputs({"inputs": {"b64": "eA=="}}, x=(tf.string, []))
  assert one["x"].item() == b"x"


def test_rows() -> None:
  for rows in ([1, 2], [{"x": 1}, {"x": 2}]):
    np.testing.assert_array_equal(_inputs({"instances": rows}, x=X)["x"], [1, 2])
  found = _inputs({"instances": [{"x": 1, "y": [3]}, {"x": 2, "y": [4]}]}, x=X, y=X)
  assert (found["x"].tolist(), found["y"].tolist()) == ([1, 2], [[3], [4]])
  strings = _inputs({"instances": [{"b64": "eA=="}, "y"]}, x=(tf.string, [None]))
  assert strings["x"].tolist() == [b"x", b"y"]


@pytest.mark.parametrize(
  "request_,message",
  [
    ({}, "Missing 'inputs' or 'instances' key"),
    ({"inputs": [1], "instances": [1]}, "only one of 'inputs' or 'instances'"),
    ({"inputs": {"x": [1]}}, "Missing named input: s in 'inputs' object."),
    ({"inputs": {"x": [1], "s": 1, "z": 1}}, "'inputs' has the unknown key z; there are: x, s"),
    ({"inputs": [1]}, "'inputs' must be an object with the keys x, s"),
    ({"instances": []}, "'instances' must be a list with at least one element"),
    ({"instances": {"x": 1}}, "'instances' must be a list"),
    ({"instances": [{"x": 1, "s": 1}]}, "input s is a scalar, and cannot be in rows"),
  ],
)
def test_requests_of_another_form(request_: dict[str, Any], message: str) -> None:
  _refused(message, _inputs, request_, x=X, s=S)


@pytest.mark.parametrize(
  "rows,message",
  [
    ([1, 2], "the elements of 'instances' must be objects with the keys x, y"),
    ([{"x": 1, "y": 1}, {"x": 1}], "instances[1] must be an object with the keys x, y"),
    ([{"x": 1, "y": 1}, 3], "instances[1] must be an object with the keys x, y"),
    ([{"x": 1, "y": 1, "z": 1}], "instances[0] must be an object with the keys x, y"),
    ([{"x": [1], "y": 1}, {"x": [1, 2], "y": 1}], "at level 1 there are not lists of one length"),
  ],
)
def test_rows_that_differ(rows: list[Any], message: str) -> None:
  _refused(message, _inputs, {"instances": rows}, x=X, y=X)


# Writing


def _text(outputs: dict[str, Any], row: bool) -> str:
  return json.dumps(json_tensors.answer(outputs, row))


def test_one_output_has_no_name() -> None:
  y = np.array([[1, 2], [3, 4]], np.uint8)
  assert _text({"y": y}, row=False) == '{"outputs": [[1, 2], [3, 4]]}'
  assert _text({"y": y}, row=True) == '{"predictions": [[1, 2], [3, 4]]}'


def test_several_outputs_have() -> None:
  outputs = {"a": np.array([1, 2]), "b": np.array([[True], [False]])}
  assert _text(outputs, row=False) == '{"outputs": {"a": [1, 2], "b": [[true], [false]]}}'
  rows = '{"predictions": [{"a": 1, "b": [true]}, {"a": 2, "b": [false]}]}'
  assert _text(outputs, row=True) == rows
  assert _text({"a": np.zeros(0), "b": np.zeros(0)}, row=True) == '{"predictions": []}'


def test_bytes_are_base64_where_the_name_says_so() -> None:
  data = np.array([b"\x00\xff", b""], object)
  assert _text({"x_bytes": data}, row=False) == '{"outputs": [{"b64": "AP8="}, {"b64": ""}]}'
  assert _text({"x_bytes": data}, row=True) == '{"predictions": [{"b64": "AP8="}, {"b64": ""}]}'
  scalar = np.array(b"abc", object)
  assert _text({"x_bytes": scalar}, row=False) == '{"outputs": {"b64": "YWJj"}}'
  assert _text({"bytes_x": scalar}, row=False) == '{"outputs": "abc"}'
  _refused("output x holds bytes that are no text", json_tensors.answer, {"x": data}, False)


def test_floats_are_as_short_as_they_can_be_and_exact() -> None:
  values = np.array([0.1, 1 / 3, 1e-45, 3.4028235e38, -0.0], np.float32)
  text = _text({"y": values}, row=False)
  assert text.startswith('{"outputs": [0.1, 0.33333334, ')
  np.testing.assert_array_equal(np.array(json.loads(text)["outputs"], np.float32), values)
  odd = np.array([np.nan, np.inf, -np.inf], np.float32)
  assert _text({"y": odd}, row=False) == '{"outputs": [NaN, Infinity, -Infinity]}'
  assert _text({"y": np.array(0.1)}, row=False) == '{"outputs": 0.1}'


def test_outputs_that_are_no_rows() -> None:
  for other in (np.zeros(3), np.zeros([])):
    outputs = {"a": np.zeros(2), "b": other}
    _refused(
      f"the outputs are not rows of one length: a [2], b {list(other.shape)}",
      json_tensors.answer,
      outputs,
      True,
    )
  _refused("Cannot convert empty", json_tensors.answer, {}, False)
