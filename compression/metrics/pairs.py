"""What all measures of two images check first."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.common.errors import ImageError


def check_pair(original: Any, compared: Any) -> tuple[np.ndarray, np.ndarray]:
  """Refuses what cannot be compared; returns both as NumPy arrays of one shape.

  Args:
    original, compared: [H, W, 3] or [N, H, W, 3] with H, W >= 1, real numbers; arrays or tensors.

  Raises:
    ImageError: if one is no such array, or their shapes differ.
  """
  pair = []
  for image in (original, compared):
    array = np.asarray(image)
    shape = array.shape
    if array.dtype.kind not in "uif" or len(shape) not in (3, 4) or shape[-1] != 3:
      fit = False
    else:
      fit = min(shape[-3:]) > 0
    if not fit:
      raise ImageError(
        "images to compare are arrays [height, width, 3] or [count, height, width, 3]. "
        f"Received: shape {shape}, dtype {array.dtype}"
      )
    pair.append(array)
  if pair[0].shape != pair[1].shape:
    raise ImageError(
      "images to compare must have the same shape. "
      f"Received: shapes {pair[0].shape} and {pair[1].shape}"
    )
  return pair[0], pair[1]


def check_uint8_pair(
  measure: str, min_side: int, original: Any, compared: Any
) -> tuple[np.ndarray, np.ndarray]:
  """`check_pair` for a measure of uint8 images whose sides have a least length.

  Args:
    measure: its name, for the messages.
    min_side: the least height and width, >= 1.
    original, compared: uint8 [H, W, 3] or [N, H, W, 3] with H, W >= min_side; arrays or tensors.

  Raises:
    ImageError: if one is no such array, or their shapes differ.
  """
  original, compared = check_pair(original, compared)
  for image in (original, compared):
    if image.dtype != np.uint8:
      raise ImageError(f"{measure} takes uint8 images. Received: dtype {image.dtype}")
  if min(original.shape[-3:-1]) < min_side:
    raise ImageError(
      f"{measure} takes images with sides of at least {min_side} pixels. "
      f"Received: shape {original.shape}"
    )
  return original, compared
