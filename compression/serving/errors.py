"""Why a request fails: the codes that gRPC and TensorFlow share, and their HTTP statuses."""

from __future__ import annotations

import enum
import http
import logging
import re

import tensorflow as tf


class Code(enum.IntEnum):
  """The canonical codes, with the numbers that gRPC and TensorFlow give them."""

  CANCELLED = 1
  UNKNOWN = 2
  INVALID_ARGUMENT = 3
  DEADLINE_EXCEEDED = 4
  NOT_FOUND = 5
  ALREADY_EXISTS = 6
  PERMISSION_DENIED = 7
  RESOURCE_EXHAUSTED = 8
  FAILED_PRECONDITION = 9
  ABORTED = 10
  OUT_OF_RANGE = 11
  UNIMPLEMENTED = 12
  INTERNAL = 13
  UNAVAILABLE = 14
  DATA_LOSS = 15
  UNAUTHENTICATED = 16


HTTP_STATUS = {
  Code.INVALID_ARGUMENT: http.HTTPStatus.BAD_REQUEST,
  Code.DEADLINE_EXCEEDED: http.HTTPStatus.GATEWAY_TIMEOUT,
  Code.NOT_FOUND: http.HTTPStatus.NOT_FOUND,
  Code.ALREADY_EXISTS: http.HTTPStatus.CONFLICT,
  Code.PERMISSION_DENIED: http.HTTPStatus.FORBIDDEN,
  Code.RESOURCE_EXHAUSTED: http.HTTPStatus.TOO_MANY_REQUESTS,
  Code.FAILED_PRECONDITION: http.HTTPStatus.BAD_REQUEST,
  Code.ABORTED: http.HTTPStatus.CONFLICT,
  Code.OUT_OF_RANGE: http.HTTPStatus.BAD_REQUEST,
  Code.UNIMPLEMENTED: http.HTTPStatus.NOT_IMPLEMENTED,
  Code.UNAVAILABLE: http.HTTPStatus.SERVICE_UNAVAILABLE,
  Code.UNAUTHENTICATED: http.HTTPStatus.UNAUTHORIZED,
}
"""As in TensorFlow Serving; all others are 500."""

_PYTHON_PREFIX = re.compile(
  r"\AGraph execution error:\n.*(?:<stack traces unavailable>\n|\n\n)", re.DOTALL
)
_PYTHON_SUFFIX = re.compile(r" \[Op:\w+\]\Z")

_MESSAGE_BYTES = 1024
"""TensorFlow Serving's limit; gRPC clients refuse answers with more than some KB of it."""


class RequestError(Exception):
  """What the client is told."""

  def __init__(self, code: Code, message: str):
    super().__init__(message)
    self.code = code
    self.message = message.encode()[:_MESSAGE_BYTES].decode(errors="ignore")


def from_exception(error: Exception) -> RequestError:
  """What the client is told of an exception; of a mistake in this program, only that there is one.

  That is logged with its traceback instead.
  """
  if isinstance(error, RequestError):
    return error
  if isinstance(error, tf.errors.OpError):
    # Python puts this around the message of the graph; TensorFlow Serving passes that on alone.
    message = _PYTHON_SUFFIX.sub("", _PYTHON_PREFIX.sub("", error.message))
    return RequestError(Code(error.error_code), message)
  if isinstance(error, MemoryError):
    return RequestError(Code.RESOURCE_EXHAUSTED, "not enough memory for this request")
  logging.getLogger(__name__).error("a request failed", exc_info=error)
  return RequestError(Code.INTERNAL, "internal error")


def invalid(message: str) -> RequestError:
  """The most common one: the request is wrong."""
  return RequestError(Code.INVALID_ARGUMENT, message)
