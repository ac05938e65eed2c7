"""When pixels that floating-point networks made are the same on every processor."""

from __future__ import annotations

import numpy as np


def assert_near_pixels(actual: np.ndarray, expected: np.ndarray) -> None:
  """Fails unless two images, uint8 of any shape, are equal within 1.

  Sums of products differ in their last bits with the instructions, the threads and the shapes that
  a library chooses for them; where such a value lies between two pixels, it is rounded either way.
  """
  assert actual.dtype == expected.dtype == np.uint8
  np.testing.assert_allclose(actual.astype(int), expected.astype(int), rtol=0, atol=1)
