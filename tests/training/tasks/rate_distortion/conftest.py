"""What the tests of first weights share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def tiles(photo: np.ndarray) -> np.ndarray:
  """The tiles of a photo, uint8 [16, 64, 64, 3]."""
  return photo[:256, :256].reshape(4, 64, 4, 64, 3).swapaxes(1, 2).reshape(-1, 64, 64, 3)
