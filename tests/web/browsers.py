"""The parts that tests of the page in Chromium need, and skip without."""

from __future__ import annotations

import pytest

from compression.common.errors import ConfigError
from compression.exporting import web_files, web_player


def _lacks_runtime() -> bool:
  try:
    web_files.runtime()
  except ConfigError:
    return True
  return False


needs_runtime = pytest.mark.skipif(_lacks_runtime(), reason="LiteRT.js is not there")

needs_browser = pytest.mark.skipif(web_player.find() is None, reason="there is no chromium")
