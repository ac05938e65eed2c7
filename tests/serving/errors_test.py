"""What clients are told of exceptions."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf

from compression.serving.errors import HTTP_STATUS, Code, RequestError, from_exception, invalid


def test_the_codes_are_those_of_grpc_and_tensorflow() -> None:
  of_grpc = {status.name: status.value[0] for status in grpc.StatusCode if status.value[0]}
  assert {code.name: code.value for code in Code} == of_grpc
  assert tf.errors.DATA_LOSS == Code.DATA_LOSS
  assert tf.errors.UNIMPLEMENTED == Code.UNIMPLEMENTED


def test_a_wrong_request_is_400_and_a_wrong_name_404() -> None:
  assert HTTP_STATUS[invalid("").code] == HTTP_STATUS[Code.FAILED_PRECONDITION] == 400
  assert HTTP_STATUS[Code.NOT_FOUND] == 404
  assert Code.INTERNAL not in HTTP_STATUS and Code.DATA_LOSS not in HTTP_STATUS  # they are 500


def test_an_error_of_a_request_stays_as_it_is() -> None:
  error = RequestError(Code.NOT_FOUND, "gone")
  assert from_exception(error) is error
  assert (str(error), error.message) == ("gone", "gone")


@pytest.mark.parametrize("in_a_function", [True, False])
def test_of_an_operation_the_message_of_the_graph_remains(in_a_function: bool) -> None:
  def check(x: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(x > 0, ["x is", x])]):
      return tf.identity(x)

  with pytest.raises(tf.errors.InvalidArgumentError) as raised:
    (tf.function(check) if in_a_function else check)(tf.constant(-3))
  error = from_exception(raised.value)
  assert error.code == Code.INVALID_ARGUMENT
  assert "x is" in error.message and "-3" in error.message
  for ours in ("Graph execution error", "Detected at", "[Op:"):
    assert ours not in error.message


def test_memory_and_mistakes(caplog: pytest.LogCaptureFixture) -> None:
  assert from_exception(MemoryError()).code == Code.RESOURCE_EXHAUSTED
  assert not caplog.records
  error = from_exception(ZeroDivisionError("a secret of the program"))
  assert (error.code, error.message) == (Code.INTERNAL, "internal error")
  assert "a secret of the program" in caplog.text  # for whoever runs the server


def test_long_messages_are_cut_between_characters() -> None:
  message = invalid("x" + "é" * 5000).message
  assert message == "x" + "é" * 511
