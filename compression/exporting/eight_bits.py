"""The weights of a TensorFlow Lite file in 8 bits, rounded so that maps change least.

A convolution with such weights rounds what it reads to 8 bits, too, and multiplies integers. In the
released decoders that costs 0.02 dB after 8 iterations, and weights at the nearest of 255 values
0.1 to 0.4 dB: their errors are the same in every iteration, and add up in the states. So

*   weights are rounded one after the other, and those of the same output that are still to come
    make up for the error as well as they can (GPTQ: Frantar et al. 2022, arXiv:2210.17323). With

        H = sum_p x_p x_p^T      over the places p of maps, where x_p is all that a kernel sees
        U^T U = H^-1             upper triangular
        q_i = round(w_i / s)     s = max |w| / 127
        w_j -= (w_i - s q_i) U_ij / U_ii      for j > i

    (w - s q)^T H (w - s q), the error of the map, comes out small. Maps are those of photos;
*   kernels that are few of all weights stay as they are. Those of the skip connections of the last
    units, through which each state goes into the next, are among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from compression.codecs.recurrent.litert import SIGNATURE

LEVELS = 127
"""Weights are -127 s to 127 s: LiteRT leaves out -128."""

FLOAT_SHARE = 1 / 200
"""A kernel with a smaller part of all weights stays in float32."""

_DAMPING = 0.01
"""What is added to the diagonal of H, in parts of its mean: as in the paper."""

_MAX_PLACES = 512
"""Places of each map that are seen, drawn anew: H of 9 * 176 values needs 1e5 in all, and time."""

_OPERATION_VERSION = 5
"""That of CONV_2D since a filter can have a scale for each output."""


class Sight(NamedTuple):
  """What a convolution reads: those with the same sight have the same H.

  Attributes:
    tensor: the number of the map.
    size: of the kernel, [height, width].
    strides: likewise.
  """

  tensor: int
  size: tuple[int, int]
  strides: tuple[int, int]


Moments = Mapping[Sight, np.ndarray]
"""The H of each."""


def convert(
  content: bytes, moments: Moments | None = None, float_share: float = FLOAT_SHARE
) -> bytes:
  """The file with 8 bits for weights of 32.

  Args:
    content: a TensorFlow Lite file in float32.
    moments: what `measure` gives; without them weights become the nearest value.
    float_share: as FLOAT_SHARE.
  """
  model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
  kernels = [(sight, tensor, _values(model, tensor)) for sight, tensor in _convolutions(model)]
  total = sum(values.size for _, _, values in kernels)
  known: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by buffer: equal kernels have one
  for sight, tensor, values in kernels:
    if values.size < float_share * total:
      continue
    if tensor.buffer not in known:
      known[tensor.buffer] = rounded(values, None if moments is None else moments[sight])
    levels, scales = known[tensor.buffer]
    tensor.type = schema.TensorType.INT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = scales
    tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
    model.buffers[tensor.buffer].data = levels.reshape(-1).view(np.uint8)
  for code in model.operatorCodes:
    if code.builtinCode == schema.BuiltinOperator.CONV_2D:
      code.version = max(code.version, _OPERATION_VERSION)
  return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def measure(content: bytes, examples: Iterable[tuple[str, Mapping[str, np.ndarray]]]) -> Moments:
  """H of all convolutions.

  Args:
    content: a TensorFlow Lite file in float32.
    examples: the name of a signature, and its inputs.
  """
  model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
  sights = {sight: np.zeros([]) for sight, _ in _convolutions(model)}
  interpreter = tf.lite.Interpreter(
    model_content=content,
    # Without code that keeps maps for itself.
    experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    experimental_preserve_all_tensors=True,
  )
  step = interpreter.get_signature_runner(SIGNATURE)
  rng = np.random.default_rng(0)
  for _, inputs in examples:
    step(**inputs)
    for sight in sights:
      windows = seen(interpreter.get_tensor(sight.tensor)[0], sight)
      high, wide = windows.shape[:2]
      rows, columns = divmod(rng.permutation(high * wide)[:_MAX_PLACES], wide)
      x = windows[rows, columns].reshape(len(rows), -1)
      sights[sight] = sights[sight] + (x.T @ x).astype(np.float64)
  return sights


def seen(values: np.ndarray, sight: Sight) -> np.ndarray:
  """What a kernel sees at each place of a map [H, W, C] that is padded as SAME is.

  Returns: a view, [h, w, height, width, C].
  """
  padding = []
  for side, size, stride in zip(values.shape, sight.size, sight.strides):
    missing = max(0, (-(-side // stride) - 1) * stride + size - side)
    padding.append((missing // 2, missing - missing // 2))
  padded = np.pad(values, [*padding, (0, 0)])
  window = (*sight.size, values.shape[-1])
  windows = np.lib.stride_tricks.sliding_window_view(padded, window)[:, :, 0]
  return windows[:: sight.strides[0], :: sight.strides[1]]


def rounded(kernel: np.ndarray, moments: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
  """The levels of weights, int8, and the scale of each output, float32 [out].

  Args:
    kernel: float32 [out, height, width, in].
    moments: H, [height width in] squared; None to take the nearest levels.
  """
  weights = kernel.reshape(len(kernel), -1).astype(np.float64)
  scales = np.abs(weights).max(1).astype(np.float32) / np.float32(LEVELS)
  scales[scales == 0] = 1  # an output of zeros
  steps = scales.astype(np.float64)
  if moments is None:
    levels = (weights / steps[:, np.newaxis]).round().clip(-LEVELS, LEVELS)
    return levels.astype(np.int8).reshape(kernel.shape), scales
  damped = moments + np.eye(len(moments)) * max(_DAMPING * np.mean(np.diag(moments)), 1e-12)
  order = np.argsort(-np.diag(damped))  # what is largest has the most to make up for it
  upper = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
  left = weights[:, order]
  levels = np.empty(kernel.shape, np.int8).reshape(len(kernel), -1)
  for index, place in enumerate(order):
    level = (left[:, index] / steps).round().clip(-LEVELS, LEVELS)
    levels[:, place] = level
    error = (left[:, index] - level * steps) / upper[index, index]
    left[:, index + 1 :] -= np.outer(error, upper[index, index + 1 :])
  return levels.reshape(kernel.shape), scales


def _convolutions(model: Any) -> Iterator[tuple[Sight, Any]]:
  """What each convolution sees, and the tensor with its kernel [out, height, width, in]."""
  (graph,) = model.subgraphs
  for operation in graph.operators:
    if model.operatorCodes[operation.opcodeIndex].builtinCode == schema.BuiltinOperator.CONV_2D:
      options = operation.builtinOptions
      assert options.padding == schema.Padding.SAME
      assert options.dilationHFactor == options.dilationWFactor == 1
      tensor = graph.tensors[operation.inputs[1]]
      _, height, width, _ = map(int, tensor.shape)
      strides = (options.strideH, options.strideW)
      yield Sight(int(operation.inputs[0]), (height, width), strides), tensor


def _values(model: Any, tensor: Any) -> np.ndarray:
  data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
  return data.view(np.float32).reshape(tensor.shape)
