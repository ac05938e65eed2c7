"""Photos that the page compresses, in a browser: Python decodes the files, as good as its own."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compression import load
from compression.codecs.recurrent import tiling
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.exporting import DYNAMIC, WEB_FOLDER, web, web_player
from compression.formats import rnic
from tests.exporting.examples import WIDTH, encoded
from tests.near import assert_near_pixels
from tests.reporting import browser
from tests.web.browsers import needs_browser, needs_runtime
from tests.web.pages import Site, download, shown, text, wait, wait_for_end

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = [
  needs_browser,
  needs_runtime,
  pytest.mark.skipif(browser.find() is None, reason="there is no chromium with its chromedriver"),
]


def test_a_photo_becomes_the_file_of_each_iteration(
  site: Site, open_page: Any, tmp_path: pathlib.Path
) -> None:
  page = open_page("index.html")
  page.find_element(By.ID, "photo-file").send_keys(str(site.folder / "photo.png"))
  wait_for_end(page)
  layers = site.codec.config.iterations
  assert text(page, "status") == f"photo.png: {layers} iterations, done"
  slider, picture = (page.find_element(By.ID, name) for name in ("iteration", "picture"))
  whole = download(page, tmp_path)
  expected = list(site.codec.progressive(whole))
  ends = rnic.layer_ends(whole)
  for key, iteration in ((Keys.HOME, 1), (Keys.ARROW_RIGHT, 2), (Keys.END, layers)):
    slider.send_keys(key)
    assert text(page, "facts") == f"{iteration} of {layers}, {ends[iteration - 1]} bytes"
    assert_near_pixels(shown(page, picture), expected[iteration - 1])
    assert download(page, tmp_path) == rnic.prefix(whole, iteration)
  assert page.find_element(By.ID, "original-image").is_displayed()
  assert "photo.png, 90 x 70, PSNR" in text(page, "caption")
  page.find_element(By.ID, "file").send_keys(str(site.folder / "photo.rnic"))
  wait(lambda: "photo.rnic: 4 iterations, done" in text(page, "status"))
  for name in ("download", "original"):  # which were the other photo's
    assert not page.find_element(By.ID, name).is_displayed()


def test_photos_become_upright_and_opaque_as_in_python(
  site: Site, open_page: Any, tmp_path: pathlib.Path
) -> None:
  """A photo on its side with the mark that says so, and a white one in transparent black."""
  turned = Image.fromarray(np.rot90(site.photo))
  exif = turned.getexif()
  exif[0x0112] = 6  # to be turned to the right
  turned.save(tmp_path / "turned.png", exif=exif)
  clear = np.zeros([20, 30, 4], np.uint8)
  Image.fromarray(clear).save(tmp_path / "clear.png")
  page = open_page("index.html")
  found = []
  for name in ("turned.png", "clear.png"):
    page.find_element(By.ID, "photo-file").send_keys(str(tmp_path / name))
    wait(lambda: f"{name}:" in text(page, "status") and "done" in text(page, "status"))  # noqa: B023
    found.append(download(page, tmp_path))
  for name, data, pixels in zip(
    ("photo.png", "white.png"), found, (site.photo, np.full([20, 30, 3], 255, np.uint8))
  ):
    Image.fromarray(pixels).save(tmp_path / name)
    page.find_element(By.ID, "photo-file").send_keys(str(tmp_path / name))
    wait(lambda: f"{name}:" in text(page, "status") and "done" in text(page, "status"))  # noqa: B023
    assert download(page, tmp_path) == data


def test_large_photos_are_cut_into_tiles_as_the_decoder_sees_them(
  site: Site, driver: Any, tmp_path: pathlib.Path
) -> None:
  folder = tmp_path / "web"
  shutil.copytree(site.folder / WEB_FOLDER, folder)
  description = folder / "model/encoder.json"
  values = json.loads(description.read_text())
  assert values["tiling"] == {
    "pixels": tiling.untiled_pixels(WIDTH),
    **tiling.largest_tiles(WIDTH)._asdict(),
  }
  values["tiling"] = {"pixels": 70 * 90, "tile": 2, "halo": 1}  # the last blocks reach further
  description.write_text(json.dumps(values))
  with web_player.serving(folder, {}) as port:
    driver.get(f"http://127.0.0.1:{port}/index.html")
    driver.find_element(By.ID, "photo-file").send_keys(str(site.folder / "photo.png"))
    wait_for_end(driver)
    data = download(driver, tmp_path)
    picture = shown(driver, driver.find_element(By.ID, "picture"))
  driver.get_log("performance")  # of another server
  header = rnic.read_header(data)
  assert (header.tile, header.halo) == (2, 1)
  assert_near_pixels(picture, site.codec.decompress(data))


@pytest.mark.slow
def test_files_of_the_default_model_are_as_good_as_those_of_python(
  odd_photo: np.ndarray, tmp_path: pathlib.Path
) -> None:
  codec = load("mobile")
  assert isinstance(codec, RecurrentCodec)
  web.export(codec, tmp_path, DYNAMIC)
  with (
    web_player.serving(tmp_path / WEB_FOLDER, {}) as port,
    browser.page(f"http://127.0.0.1:{port}/index.html") as page,
  ):
    for name, photo in (("odd", odd_photo[:101, :137]), ("dot", odd_photo[:1, :1])):
      (tmp_path / f"{name}.png").write_bytes(encoded(photo))
      page.find_element(By.ID, "photo-file").send_keys(str(tmp_path / f"{name}.png"))
      wait(lambda: text(page, "status") == f"{name}.png: 16 iterations, done")  # noqa: B023
      data = download(page, tmp_path)
      own = codec.compress(photo, 16)
      for iterations in (1, 8, 16):
        ends = [rnic.layer_ends(each)[iterations - 1] for each in (data, own)]
        errors = [
          np.mean((codec.decompress(each, iterations) - photo.astype(float)) ** 2)
          for each in (data, own)
        ]
        assert ends[0] <= 1.02 * ends[1]
        # A pixel alone may be one step off.
        assert 10 * np.log10((errors[0] + 1 / 3) / (errors[1] + 1 / 3)) < 0.1
        assert name == "dot" or 10 * np.log10(errors[0] / errors[1]) < 0.1
