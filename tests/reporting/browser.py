"""A page in Chromium: for tests, and for the picture of a report.

python -m tests.reporting.browser report.html report.jpg [WIDTHxHEIGHT] [dark]
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

from PIL import Image

DESKTOP, PHONE = (1400, 1000), (400, 900)

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 60
_QUALITY = 88  # of a screenshot: the faults of what it shows are still those of what it shows
# In a container there is no user namespace for the sandbox, and little in /dev/shm.
_ARGUMENTS = ("--headless=new", "--hide-scrollbars", "--no-sandbox", "--disable-dev-shm-usage")
_NO_PICTURES_LEFT = """
  const images = [...document.images].filter((image) => image.getClientRects().length);
  return images.every((image) => image.complete && image.naturalWidth > 0);
"""


def find() -> tuple[str, str] | None:
  """The browser and its driver; None if one of them is not installed."""
  browser = next(filter(None, map(shutil.which, _NAMES)), None)
  driver = shutil.which("chromedriver")
  return (browser, driver) if browser and driver else None


@contextlib.contextmanager
def page(
  file: pathlib.Path | str,
  size: tuple[int, int] = DESKTOP,
  dark: bool = False,
  touch: bool = False,
) -> Iterator[Any]:
  """A WebDriver that shows the file, or what is at the address, once all its pictures are there.

  It logs what the page writes to the console and what it asks for. `find` must have found both.

  Args:
    size: width and height of the page in pixels.
    dark: whether the user prefers dark colours.
    touch: whether pointers are fingers.
  """
  from selenium import webdriver
  from selenium.webdriver.chrome.service import Service

  found = find()
  assert found is not None
  options = webdriver.ChromeOptions()
  options.binary_location, driver_file = found
  for argument in _ARGUMENTS:
    options.add_argument(argument)
  options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
  # The driver is given, so that Selenium looks for none over the network.
  environment = {**os.environ, "SE_OFFLINE": "true"}
  driver = webdriver.Chrome(options, Service(driver_file, env=environment))
  try:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})
    driver.get(file if isinstance(file, str) else file.resolve().as_uri())
    wait_for_pictures(driver)
    yield driver
  finally:
    driver.quit()


def wait_for_pictures(driver: Any) -> None:
  """Returns when all visible pictures are decoded; raises AssertionError if one never is."""
  end = time.monotonic() + _SECONDS
  while not driver.execute_script(_NO_PICTURES_LEFT):
    assert time.monotonic() < end, "a picture of the page is not shown"
    time.sleep(0.05)


def main() -> None:
  """Writes a screenshot."""
  source, target, *rest = sys.argv[1:]
  sizes = [tuple(map(int, word.split("x"))) for word in rest if word != "dark"]
  with page(pathlib.Path(source), *sizes, dark="dark" in rest) as driver:
    screenshot = Image.open(io.BytesIO(driver.get_screenshot_as_png()))
  # The options are for JPEG.
  screenshot.convert("RGB").save(target, optimize=True, quality=_QUALITY, subsampling="4:4:4")


if __name__ == "__main__":
  main()
