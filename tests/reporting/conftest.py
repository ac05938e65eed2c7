"""A page that the tests of what it holds and of how it behaves share."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reporting.examples import render


@pytest.fixture(scope="session")
def text(photo: np.ndarray) -> str:
  """The page of the photos in `examples`."""
  return render(photo)
