"""What the tests of the server share."""

from __future__ import annotations

import pytest

from compression.serving.models import Models
from tests.serving.examples import load


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
  return load(tmp_path_factory.mktemp("models"))
