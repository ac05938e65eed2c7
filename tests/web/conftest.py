"""A page of a small model on a server, and a browser that opens it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from compression.exporting import WEB_FOLDER, web, web_player
from compression.formats import rnic
from tests.entropy.bits.examples import make_coder, make_model
from tests.exporting.examples import encoded, small_codec
from tests.reporting import browser
from tests.web.pages import Site

_EMBEDDING = """<!DOCTYPE html>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self';
 img-src data:">
<link rel="icon" href="data:,">
<title>Two photos</title>
<script type="module" src="rnic_image.js"></script>
<rnic-image id="whole" src="/files/photo.rnic" alt="A photo"></rnic-image>
<rnic-image id="first" src="/files/cut.rnic" alt="Its beginning" iterations="1"></rnic-image>
<rnic-image id="cut" src="/files/cut.rnic"></rnic-image>
<rnic-image id="gone" src="/files.rnic"></rnic-image>
"""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, odd_photo: np.ndarray) -> Iterator[Site]:
  """A small model with an entropy coder, neither of them trained."""
  folder = tmp_path_factory.mktemp("site")
  codec = small_codec(bits=8)
  codec.coder_folder = folder / "coder"
  make_coder(make_model(layer_depth=8), codec.coder_folder)
  web.export(codec, folder, "float32")
  (folder / WEB_FOLDER / "embedding.html").write_text(_EMBEDDING)
  photo = np.ascontiguousarray(odd_photo[:70, :90])
  data = codec.compress(photo, 4)
  files = {"photo.rnic": [data], "cut.rnic": [data[: rnic.layer_ends(data)[1] + 3]]}
  files |= {"photo.png": [encoded(photo)], "foreign.rnic": [b"GIF89a" + bytes(100)]}
  for name, (content,) in files.items():
    (folder / name).write_bytes(content)
  with web_player.serving(folder / WEB_FOLDER, files) as port:
    yield Site(codec, f"http://127.0.0.1:{port}", photo, data, folder)


@pytest.fixture(scope="package")
def driver(site: Site) -> Iterator[Any]:
  with browser.page(f"{site.address}/index.html") as page:
    yield page


@pytest.fixture
def open_page(site: Site, driver: Any) -> Iterator[Callable[[str], Any]]:
  """Opens a page of the site; afterwards, nothing may have gone wrong in it."""
  driver.get_log("browser")

  def open_page(path: str) -> Any:
    driver.get(f"{site.address}/{path}")
    return driver

  yield open_page
  complaints = [entry for entry in driver.get_log("browser") if "404" not in entry["message"]]
  assert complaints == []
  for entry in driver.get_log("performance"):
    message = json.loads(entry["message"])["message"]
    if message["method"] == "Network.requestWillBeSent":
      address = message["params"]["request"]["url"]
      assert address.startswith((site.address, "data:", "blob:" + site.address)), address
