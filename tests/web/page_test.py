"""The example page and `<rnic-image>` in a browser: what is shown follows what a user does."""

from __future__ import annotations

import base64
import pathlib
from typing import Any

import numpy as np
import pytest

from compression.formats import rnic
from tests.exporting.examples import MODEL_ID
from tests.near import assert_near_pixels
from tests.reporting import browser
from tests.web.browsers import needs_browser, needs_runtime
from tests.web.pages import Site, shown, text, wait, wait_for_end

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = [
  needs_browser,
  needs_runtime,
  pytest.mark.skipif(browser.find() is None, reason="there is no chromium with its chromedriver"),
]


def test_a_file_by_address_beside_its_original(site: Site, open_page: Any) -> None:
  page = open_page("?src=/files/photo.rnic&original=/files/photo.png")
  wait_for_end(page)
  expected = list(site.codec.progressive(site.file))
  slider, picture = (page.find_element(By.ID, name) for name in ("iteration", "picture"))
  ends = rnic.layer_ends(site.file)
  for key, iteration in ((None, 4), (Keys.HOME, 1), (Keys.ARROW_RIGHT, 2), (Keys.END, 4)):
    if key:
      slider.send_keys(key)
    assert slider.get_attribute("value") == str(iteration)
    facts = f"{iteration} of 4, {ends[iteration - 1]} bytes"
    assert text(page, "facts") == facts
    assert slider.get_attribute("aria-valuetext") == f"iteration {facts}"
    assert_near_pixels(shown(page, picture), expected[iteration - 1])
    label = picture.get_attribute("aria-label")
    assert label == f"/files/photo.rnic after {iteration} iterations".replace(
      "1 iterations", "1 iteration"
    )
    rows = page.find_elements(By.CSS_SELECTOR, "#iterations tr")
    assert [row.get_attribute("aria-current") for row in rows].index("true") == iteration - 1
  cells = [[cell.text for cell in row.find_elements(By.XPATH, "*")] for row in rows]
  assert [row[:2] for row in cells] == [[str(n), str(end)] for n, end in enumerate(ends, 1)]
  assert [float(row[2]) for row in cells] == [round(8 * end / (70 * 90), 3) for end in ends]
  error = np.mean((site.photo.astype(float) - shown(page, picture)) ** 2)
  assert f"PSNR {10 * np.log10(255**2 / error):.2f} dB" in text(page, "caption")
  assert page.find_element(By.ID, "original-image").is_displayed()
  assert text(page, "wrong") == ""


def test_files_are_chosen_and_dropped(site: Site, open_page: Any) -> None:
  page = open_page("index.html")
  assert not page.find_element(By.ID, "viewer").is_displayed()
  page.find_element(By.ID, "original-file").send_keys(str(site.folder / "photo.png"))
  page.find_element(By.ID, "file").send_keys(str(site.folder / "cut.rnic"))
  wait_for_end(page)
  assert text(page, "wrong") == "cut.rnic: cut short: 2 of 4 layers are whole"
  assert text(page, "status") == "cut.rnic: 2 iterations, done"
  expected = list(site.codec.progressive(site.file))
  picture = page.find_element(By.ID, "picture")
  assert_near_pixels(shown(page, picture), expected[1])
  page.execute_script(
    """
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob(arguments[0]), (byte) => byte.charCodeAt(0));
    data.items.add(new File([bytes], "b.rnic"));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    """,
    base64.b64encode(site.file).decode(),
  )
  wait(lambda: text(page, "status") == "b.rnic: 4 iterations, done")
  assert text(page, "wrong") == ""
  assert_near_pixels(shown(page, picture), expected[3])


def test_the_slider_stays_where_the_user_put_it(site: Site, open_page: Any) -> None:
  page = open_page("?src=/files/photo.rnic")
  wait_for_end(page)
  slider = page.find_element(By.ID, "iteration")
  slider.send_keys(Keys.HOME)
  page.find_element(By.ID, "src").send_keys("/files/cut.rnic" + Keys.ENTER)
  wait(lambda: "cut.rnic: 2 iterations, done" in text(page, "status"))
  assert slider.get_attribute("value") == "2"  # of another file it follows again


def test_what_goes_on_can_be_stopped(site: Site, open_page: Any) -> None:
  page = open_page("index.html")
  button = page.find_element(By.ID, "stop")
  assert not button.is_displayed()
  page.find_element(By.ID, "src").send_keys("/files/photo.rnic")
  page.execute_script(
    "document.querySelector('form button').click();"
    "const stop = document.getElementById('stop'); stop.focus(); stop.click();"
  )
  assert text(page, "status") == "/files/photo.rnic: stopped after 0 iterations"
  assert not button.is_displayed()
  page.find_element(By.CSS_SELECTOR, "form button").click()
  wait(lambda: "4 iterations, done" in text(page, "status"))
  assert not button.is_displayed()


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
  wait(lambda: text(page, "wrong"))
  assert words in text(page, "wrong") and "\n" not in text(page, "wrong")
  assert not page.find_element(By.ID, "viewer").is_displayed()
  assert page.find_element(By.ID, "wrong").get_attribute("role") == "alert"


@pytest.mark.parametrize(
  ("name", "content", "words"),
  [
    ("empty.png", b"", "empty.png: is empty"),
    ("broken.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "broken.png: is no picture that this"),
    ("photo.rnic.png", b"RNIC" + bytes(50), "photo.rnic.png: is no picture that this browser"),
    ("photo.rnic", b"\x89PNG\r\n\x1a\n" + bytes(50), "photo.rnic: not an .rnic file"),
    ("none.rnic", b"", "none.rnic: not an .rnic file"),
    (
      "huge.rnic",
      rnic.write(rnic.Header(2**15, 2**15, 1, MODEL_ID, 1, tables_id=7), [b""]),
      "more than a page has",
    ),
  ],
)
def test_what_is_no_photo_and_no_file_is_told_in_one_line(
  open_page: Any, tmp_path: pathlib.Path, name: str, content: bytes, words: str
) -> None:
  page = open_page("index.html")
  page.execute_script(
    """
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob(arguments[1]), (byte) => byte.charCodeAt(0));
    const type = arguments[0].endsWith(".png") ? "image/png" : "";
    data.items.add(new File([bytes], arguments[0], {type}));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    """,
    name,
    base64.b64encode(content).decode(),
  )
  wait(lambda: text(page, "wrong"))
  assert words in text(page, "wrong") and "\n" not in text(page, "wrong")
  assert text(page, "status") == ""
  assert not page.find_element(By.ID, "viewer").is_displayed()


_CONTROLS = {
  ("button", "A .rnic file"),
  ("textbox", "or its address on this server"),
  ("button", "Open"),
  ("button", "Its original, to compare"),
  ("button", "A photo, to compress"),
  ("slider", "Iteration"),
  ("region", "Table of iterations"),
}


def test_what_a_screen_reader_is_told(site: Site, open_page: Any) -> None:
  """Each control has a role and a name, and the keyboard comes to it; news is told."""
  page = open_page("index.html")
  page.find_element(By.ID, "photo-file").send_keys(str(site.folder / "photo.png"))
  wait_for_end(page)
  nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
  told = [
    (each["role"]["value"], each.get("name", {}).get("value", ""), each.get("properties", []))
    for each in nodes
    if not each["ignored"]
  ]
  focusable = {
    (role, name.partition(":")[0])
    for role, name, properties in told
    if any(item["name"] == "focusable" and item["value"]["value"] for item in properties)
    and role != "RootWebArea"
  }
  (link,) = [each for each in focusable if each[0] == "link"]
  assert link[1].startswith("Download photo.rnic, ")
  assert focusable - {link} == _CONTROLS
  names = {role: name for role, name, _ in told}
  assert names["image"] == "The original" and {"status", "alert", "table", "caption"} <= set(names)
  reached = set()
  for _ in range(len(_CONTROLS) + 1):
    ActionChains(page).send_keys(Keys.TAB).perform()
    reached.add(page.switch_to.active_element.get_attribute("id") or "open")
  assert reached == {
    "file", "src", "open", "original-file", "photo-file", "iteration", "download", "scroll",
  }  # fmt: skip


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

  wait(lambda: "cut short" in state("cut")[1] and "404" in state("gone")[1])
  for name, iterations in (("whole", 4), ("first", 1), ("cut", 2)):
    wait(lambda: state(name)[2] == 90)  # noqa: B023
    element = state(name)[0]

    def is_shown() -> bool:
      return int(np.abs(shown(page, element).astype(int) - expected[iterations - 1]).max()) <= 1  # noqa: B023

    wait(is_shown)
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
  told = wait(lambda: [each for each in page.execute_script("return told") if each[0] == "end"])
  assert told == [["end", {"iterations": 4, "damage": None}]]
  pictures = [detail for name, detail in page.execute_script("return told") if name == "picture"]
  assert [detail["bytes"] for detail in pictures] == list(rnic.layer_ends(site.file))
  assert_near_pixels(shown(page, element), expected[3])
