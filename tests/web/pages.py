"""What the tests of the page in a browser share: where it is, what it shows, what it gives."""

from __future__ import annotations

import base64
import io
import pathlib
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from compression.codecs.recurrent.codec import RecurrentCodec

_SECONDS = 60

_ID = "id"  # what selenium calls it

_CANVAS = """
const root = arguments[0].shadowRoot ?? arguments[0].ownerDocument;
return (root.querySelector("canvas") ?? arguments[0]).toDataURL("image/png");
"""


class Site(NamedTuple):
  """A server with an export, and what it has."""

  codec: RecurrentCodec
  address: str
  photo: np.ndarray
  file: bytes
  folder: pathlib.Path


def wait(condition: Callable[[], Any]) -> Any:
  end = time.monotonic() + _SECONDS
  while not (found := condition()):
    assert time.monotonic() < end, "nothing came"
    time.sleep(0.05)
  return found


def text(page: Any, name: str) -> str:
  return page.find_element(_ID, name).text


def wait_for_end(page: Any) -> None:
  wait(lambda: "done" in text(page, "status") or text(page, "wrong"))


def shown(page: Any, element: Any) -> np.ndarray:
  """The pixels of a canvas, uint8 [H, W, 3]."""
  data = page.execute_script(_CANVAS, element).partition(",")[2]
  return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def download(page: Any, folder: pathlib.Path) -> bytes:
  """The file that the link gives."""
  page.execute_cdp_cmd(
    "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
  )
  link = page.find_element(_ID, "download")
  file = folder / link.get_attribute("download")
  size = int(re.search(r"(\d+) bytes$", link.text)[1])  # type: ignore[index]
  file.unlink(missing_ok=True)
  link.click()
  wait(lambda: file.is_file() and file.stat().st_size == size)
  return file.read_bytes()
