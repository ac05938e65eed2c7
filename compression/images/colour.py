"""Colour transforms of codecs: R, G, B and what has one channel for light and two for colour."""

from __future__ import annotations

import numpy as np

MIDDLE = 128
"""Y of gray; pixels are 0..255."""

YCBCR = np.array(
  [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
"""R, G, B -> Y, Cb, Cr (ITU-R BT.601, full range, as JPEG has them), without offsets.

The square of an error of one in Y, Cb or Cr adds 3.0, 3.3 or 2.5 to those of R, G and B, so that
one step for all three is near the best for them.
"""

RGB = np.linalg.inv(YCBCR.astype(np.float64)).astype(np.float32)
"""Y, Cb, Cr -> R, G, B."""


def to_ycbcr(image: np.ndarray) -> np.ndarray:
  """uint8 [H, W, 3] -> float32 [3, H, W]; Y less MIDDLE."""
  pixels = image.reshape(-1, 3).T.astype(np.float32) - MIDDLE
  return (YCBCR @ pixels).reshape(3, *image.shape[:2])


def from_ycbcr(planes: np.ndarray) -> np.ndarray:
  """float32 [3, H, W] -> uint8 [H, W, 3], rounded."""
  pixels = (RGB @ planes.reshape(3, -1)).T + np.float32(MIDDLE)
  pixels = np.clip(np.rint(pixels, out=pixels), 0, 255, out=pixels)
  return pixels.astype(np.uint8).reshape(*planes.shape[1:], 3)


def to_ycocg(image: np.ndarray) -> np.ndarray:
  """uint8 [H, W, 3] -> int16 [3, H, W]: YCoCg-R, which integers go through and back unchanged.

  H. Malvar and G. Sullivan, "YCoCg-R: a color space with RGB reversibility" (JVT-I014r3, 2003):

    Co = R - B    t = B + floor(Co / 2)    Cg = G - t    Y = t + floor(Cg / 2)

  Y is 0..255, Co and Cg are -255..255.
  """
  red, green, blue = np.moveaxis(image, -1, 0).astype(np.int16)
  orange = red - blue
  between = blue + (orange >> 1)
  greenish = green - between
  return np.stack([between + (greenish >> 1), orange, greenish])


def from_ycocg(planes: np.ndarray) -> np.ndarray:
  """int16 [3, H, W] -> uint8 [H, W, 3]: the reverse of `to_ycocg`.

  Planes that came from no image, as those of coarser steps, end in the nearest values of 0..255.
  """
  light, orange, greenish = planes
  between = light - (greenish >> 1)
  green = greenish + between
  blue = between - (orange >> 1)
  image = np.stack([blue + orange, green, blue], -1)
  return np.clip(image, 0, 255).astype(np.uint8)
