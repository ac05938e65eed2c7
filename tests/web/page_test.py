"""The example page and `<rnic-image>` in a browser: what is shown follows what a user does."""

from __future__ import annotations

import base64
import io
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.exporting import WEB_FOLDER, web, web_player
from compression.formats import rnic
from tests.entropy.bits.examples import make_coder, make_model
from tests.exporting.examples import encoded, small_codec
from tests.near import assert_near_pixels
from tests.reporting import browser
from tests.web.browsers import needs_browser, needs_runtime

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = [
  needs_browser,
  needs_runtime,
  pytest.mark.skipif(browser.find() is None, reason="there is no chromium with its chromedriver"),
]

_SECONDS = 60

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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


def _wait(condition: Callable[[], Any]) -> Any:
  end = time.monotonic() + _SECONDS
  while not (found := condition()):
    assert time.monotonic() < end, "nothing came"
    time.sleep(0.05)
  return found


def _text(page: Any, name: str) -> str:
  return page.find_element(By.ID, name).text


def _wait_for_end(page: Any) -> None:
  _wait(lambda: "done" in _text(page, "status") or _text(page, "wrong"))


def _shown(page: Any, element: Any) -> np.ndarray:
  """The pixels of a canvas, uint8 [H, W, 3]."""
  data = page.execute_script(_CANVAS, element).partition(",")[2]
  return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_a_file_by_address_beside_its_original(site: Site, open_page: Any) -> None:
  page = open_page("?src=/files/photo.rnic&original=/files/photo.png")
  _wait_for_end(page)
  expected = list(site.codec.progressive(site.file))
  slider, picture = (page.find_element(By.ID, name) for name in ("iteration", "picture"))
  ends = rnic.layer_ends(site.file)
  for key, iteration in ((None, 4), (Keys.HOME, 1), (Keys.ARROW_RIGHT, 2), (Keys.END, 4)):
    if key:
      slider.send_keys(key)
    assert slider.get_attribute("value") == str(iteration)
    facts = f"{iteration} of 4, {ends[iteration - 1]} bytes"
    assert _text(page, "facts") == facts
    assert slider.get_attribute("aria-valuetext") == f"iteration {facts}"
    assert_near_pixels(_shown(page, picture), expected[iteration - 1])
    label = picture.get_attribute("aria-label")
    assert label == f"/files/photo.rnic after {iteration} iterations".replace(
      "1 iterations", "1 iteration"
    )
    rows = page.find_elements(By.CSS_SELECTOR, "#iterations tr")
    assert [row.get_attribute("aria-current") for row in rows].index("true") == iteration - 1
  cells = [[cell.text for cell in row.find_elements(By.XPATH, "*")] for row in rows]
  assert [row[:2] for row in cells] == [[str(n), str(end)] for n, end in enumerate(ends, 1)]
  assert [float(row[2]) for row in cells] == [round(8 * end / (70 * 90), 3) for end in ends]
  error = np.mean((site.photo.astype(float) - _shown(page, picture)) ** 2)
  assert f"PSNR {10 * np.log10(255**2 / error):.2f} dB" in _text(page, "caption")
  assert page.find_element(By.ID, "original-image").is_displayed()
  assert _text(page, "wrong") == ""


def test_files_are_chosen_and_dropped(site: Site, open_page: Any) -> None:
  page = open_page("index.html")
  assert not page.find_element(By.ID, "viewer").is_displayed()
  page.find_element(By.ID, "original-file").send_keys(str(site.folder / "photo.png"))
  page.find_element(By.ID, "file").send_keys(str(site.folder / "cut.rnic"))
  _wait_for_end(page)
  assert _text(page, "wrong") == "cut.rnic: cut short: 2 of 4 layers are whole"
  assert _text(page, "status") == "cut.rnic: 2 iterations, done"
  expected = list(site.codec.progressive(site.file))
  picture = page.find_element(By.ID, "picture")
  assert_near_pixels(_shown(page, picture), expected[1])
  page.execute_script(
    """
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob(arguments[0]), (byte) => byte.charCodeAt(0));
    data.items.add(new File([bytes], "b.rnic"));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    """,
    base64.b64encode(site.file).decode(),
  )
  _wait(lambda: _text(page, "status") == "b.rnic: 4 iterations, done")
  assert _text(page, "wrong") == ""
  assert_near_pixels(_shown(page, picture), expected[3])


def test_the_slider_stays_where_the_user_put_it(site: Site, open_page: Any) -> None:
  page = open_page("?src=/files/photo.rnic")
  _wait_for_end(page)
  slider = page.find_element(By.ID, "iteration")
  slider.send_keys(Keys.HOME)
  page.find_element(By.ID, "src").send_keys("/files/cut.rnic" + Keys.ENTER)
  _wait(lambda: "cut.rnic: 2 iterations, done" in _text(page, "status"))
  assert slider.get_attribute("value") == "2"  # of another file it follows again


@pytest.mark.parametrize(
  ("address", "words"),
  [
    ("/files/foreign.rnic", "/files/foreign.rnic: not an .rnic file"),
    ("/gone.rnic", "/gone.rnic: 404"),
    ("https://example.org/photo.rnic", "https://example.org/photo.rnic: is elsewhere"),
    ("http://[", "http://[: is no address"),
  ],
)
def test_what_is_wrong_is_said_in_words(open_page: Any, address: str, words: str) -> None:
  page = open_page("index.html")
  page.find_element(By.ID, "src").send_keys(address + Keys.ENTER)
  _wait(lambda: _text(page, "wrong"))
  assert words in _text(page, "wrong") and "\n" not in _text(page, "wrong")
  assert not page.find_element(By.ID, "viewer").is_displayed()
  assert page.find_element(By.ID, "wrong").get_attribute("role") == "alert"


def test_images_in_pages_of_ones_own(site: Site, open_page: Any) -> None:
  page = open_page("embedding.html")
  expected = list(site.codec.progressive(site.file))

  def state(name: str) -> tuple[Any, str, int]:
    element = page.find_element(By.ID, name)
    words, label, width = page.execute_script(
      "const root = arguments[0].shadowRoot, canvas = root.querySelector('canvas');"
      "return [root.querySelector('p').textContent, canvas.ariaLabel, canvas.width];",
      element,
    )
    return element, f"{label}: {words}", width

  _wait(lambda: "cut short" in state("cut")[1] and "404" in state("gone")[1])
  for name, iterations in (("whole", 4), ("first", 1), ("cut", 2)):
    _wait(lambda: state(name)[2] == 90)  # noqa: B023
    element = state(name)[0]

    def is_shown() -> bool:
      return int(np.abs(_shown(page, element).astype(int) - expected[iterations - 1]).max()) <= 1  # noqa: B023

    _wait(is_shown)
  assert state("whole")[1] == "A photo: " and state("first")[1] == "Its beginning: "
  # Another file in the same place, and what scripts are told of it.
  element = state("first")[0]
  page.execute_script(
    """
    window.told = [];
    for (const name of ["picture", "end", "error"]) {
      arguments[0].addEventListener(name, (event) => told.push([name, event.detail]));
    }
    arguments[0].removeAttribute("iterations");
    arguments[0].src = "/files/photo.rnic";
    """,
    element,
  )
  told = _wait(lambda: [each for each in page.execute_script("return told") if each[0] == "end"])
  assert told == [["end", {"iterations": 4, "damage": None}]]
  pictures = [detail for name, detail in page.execute_script("return told") if name == "picture"]
  assert [detail["bytes"] for detail in pictures] == list(rnic.layer_ends(site.file))
  assert_near_pixels(_shown(page, element), expected[3])
