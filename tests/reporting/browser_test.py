"""The page in a real browser: what is shown follows what a user does."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from compression import metrics
from tests.reporting import browser, viewer
from tests.reporting.examples import (
  DOT,
  ITERATIONS,
  LANDSCAPE,
  ODD,
  PORTRAIT,
  Parsed,
  read_picture,
)

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.skipif(
  browser.find() is None, reason="there is no chromium with its chromedriver"
)

DARK, LIGHT = (22, 23, 26), (246, 246, 244)
"""The grounds of page.css."""


@pytest.fixture(scope="module")
def file(text: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  path = tmp_path_factory.mktemp("report") / "a report #1.html"
  path.write_text(text, "utf-8")
  return path


@pytest.fixture(scope="module")
def data(file: pathlib.Path) -> dict[str, Any]:
  """Name of a photo -> its block of data."""
  return {each["name"]: each for each in Parsed(file.read_text("utf-8")).data}


@pytest.fixture(scope="module")
def desktop(file: pathlib.Path) -> Iterator[Any]:
  with browser.page(file) as driver:
    yield driver


@pytest.fixture
def page(desktop: Any) -> Iterator[Any]:
  """The page as it is after loading; afterwards, nothing may have gone wrong in it."""
  desktop.refresh()
  browser.wait_for_pictures(desktop)
  yield desktop
  viewer.check_logs(desktop)


def test_the_first_photo_is_shown_at_first(page: Any, data: dict[str, Any]) -> None:
  viewer.check_shown(page, data[LANDSCAPE], ITERATIONS)
  assert viewer.sides(page) == (
    f"Ours, {ITERATIONS} iterations",
    data[LANDSCAPE]["jpeg"][-1]["title"],
  )


def test_the_slider_moves_by_keys(page: Any, data: dict[str, Any]) -> None:
  slider = page.find_element(By.ID, "iteration")
  for key, iteration in ((Keys.HOME, 1), (Keys.ARROW_RIGHT, 2), (Keys.END, 3), (Keys.LEFT, 2)):
    slider.send_keys(key)
    viewer.check_shown(page, data[LANDSCAPE], iteration)
  assert viewer.sides(page)[0] == "Ours, 2 iterations"


def test_residuals_choose_the_iteration(page: Any, data: dict[str, Any]) -> None:
  page.find_element(By.CSS_SELECTOR, "#residuals input[value='1']").click()
  viewer.check_shown(page, data[LANDSCAPE], 1)
  page.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
  viewer.check_shown(page, data[LANDSCAPE], 2)
  images = page.find_elements(By.CSS_SELECTOR, "#residuals img")
  expected = [version["residual"] for version in data[LANDSCAPE]["ours"]]
  assert [image.get_attribute("src") for image in images] == expected


@pytest.mark.parametrize("name", [ODD, PORTRAIT, DOT])
def test_photos_of_any_size_and_name(page: Any, data: dict[str, Any], name: str) -> None:
  number = list(data).index(name)
  page.find_element(By.CSS_SELECTOR, f"#choices input[value='{number}']").click()
  viewer.check_shown(page, data[name], ITERATIONS)
  stage = page.find_element(By.ID, "stage").size
  assert stage["height"] > 0
  ratio = data[name]["width"] / data[name]["height"]
  assert stage["width"] / stage["height"] == pytest.approx(ratio, rel=0.02)
  viewer.check_regions(page, data[name], 2)
  viewer.press_zoom(page, 8)
  viewer.check_regions(page, data[name], 8)


def test_any_two_versions_stand_side_by_side(page: Any, data: dict[str, Any]) -> None:
  for side, title in (("left", "Original"), ("right", f"Ours, {ITERATIONS} iterations")):
    page.find_element(By.ID, side).send_keys(title.split(",")[0])
    assert page.find_element(By.ID, f"{side}-tag").text == title
  left = page.find_element(By.ID, "left-image")
  assert left.get_attribute("src") == data[LANDSCAPE]["original"]["uri"]
  assert left.get_attribute("alt") == f"{LANDSCAPE}: Original"


def test_the_divider_is_dragged(page: Any) -> None:
  divider = page.find_element(By.ID, "divider")
  stage = page.find_element(By.ID, "stage").size
  assert viewer.split(page) == 50
  moves = ActionChains(page).click_and_hold(divider)
  moves.move_by_offset(-stage["width"] // 4, 30).release().perform()
  assert viewer.split(page) == pytest.approx(25, abs=1)
  ActionChains(page).move_by_offset(50, 0).perform()  # let go of, it stays
  assert viewer.split(page) == pytest.approx(25, abs=1)
  left = page.find_element(By.TAG_NAME, "body")  # which begins outside the picture
  moves = ActionChains(page).click_and_hold(divider)
  moves.move_to_element_with_offset(left, 1 - left.size["width"] // 2, 0).release().perform()
  assert viewer.split(page) == 0


def test_the_divider_moves_by_keys(page: Any) -> None:
  divider = page.find_element(By.ID, "divider")
  for key, split in (
    (Keys.ARROW_RIGHT, 52),
    (Keys.ARROW_LEFT, 50),
    (Keys.PAGE_UP, 60),
    (Keys.END, 100),
    (Keys.ARROW_UP, 100),
    (Keys.HOME, 0),
    (Keys.ARROW_DOWN, 0),
  ):
    divider.send_keys(key)
    assert viewer.split(page) == split
    assert divider.get_attribute("aria-valuenow") == str(split)


def test_a_click_magnifies_that_place_of_all_three(page: Any, data: dict[str, Any]) -> None:
  viewer.press_zoom(page, 8)
  stage = page.find_element(By.ID, "stage")
  width, height = stage.size["width"], stage.size["height"]
  ActionChains(page).move_to_element_with_offset(stage, -width // 4, height // 4).click().perform()
  x, y = viewer.check_regions(page, data[LANDSCAPE], 8)
  assert x == pytest.approx(200 / 4, abs=2)
  assert y == pytest.approx(120 * 3 / 4, abs=2)
  ActionChains(page).click_and_hold().move_by_offset(width * 3 // 8, 0).release().perform()
  x, _ = viewer.check_regions(page, data[LANDSCAPE], 8)
  assert x == pytest.approx(200 * 5 / 8, abs=2)


def test_the_region_moves_by_keys_and_stays_inside(page: Any, data: dict[str, Any]) -> None:
  viewer.press_zoom(page, 4)
  loupe = page.find_element(By.ID, "loupe")
  x, y = viewer.check_regions(page, data[LANDSCAPE], 4)
  loupe.send_keys(Keys.ARROW_RIGHT)
  right, _ = viewer.check_regions(page, data[LANDSCAPE], 4)
  assert right > x
  loupe.send_keys(Keys.ARROW_LEFT)
  assert viewer.check_regions(page, data[LANDSCAPE], 4)[0] == pytest.approx(x, abs=1)
  loupe.send_keys(Keys.ARROW_DOWN * 50)
  _, bottom = viewer.check_regions(page, data[LANDSCAPE], 4)
  assert y < bottom < 120
  loupe.send_keys(Keys.ARROW_UP)
  assert viewer.check_regions(page, data[LANDSCAPE], 4)[1] < bottom


def test_curves_have_two_scales(page: Any) -> None:
  def visible() -> set[str]:
    images = page.find_elements(By.CSS_SELECTOR, ".plot img")
    return {image.get_attribute("class") for image in images if image.is_displayed()}

  assert visible() == {"linear"}
  page.find_element(By.ID, "logarithmic").click()
  browser.wait_for_pictures(page)
  assert visible() == {"log"}


def test_every_control_is_reached_by_tab_and_has_a_name(page: Any) -> None:
  reached = []
  for _ in range(40):
    ActionChains(page).send_keys(Keys.TAB).perform()
    active = page.switch_to.active_element
    if active.tag_name == "body":
      break
    reached.append(active.get_attribute("id") or active.get_attribute("name"))
    assert active.accessible_name, reached
  expected = ["photo", "iteration", "left", "right", "zoom", "loupe", "divider", "residual"]
  assert reached[: len(expected) + 1] == [*expected, "logarithmic"]


def test_what_the_browser_shows_is_what_was_stored(page: Any, data: dict[str, Any]) -> None:
  image = page.find_element(By.CSS_SELECTOR, "[data-version='ours'] img")
  values = page.execute_script(
    """
    const image = arguments[0], canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
    """,
    image,
  )
  shown = np.array(values, np.uint8).reshape(120, 200, 4)[:, :, :3]
  stored = read_picture(data[LANDSCAPE]["ours"][-1]["uri"])
  assert metrics.psnr(stored, shown) > 50  # from YCbCr, browsers round otherwise


def test_the_page_may_not_reach_for_anything(desktop: Any) -> None:
  """That the policy holds: other tests see no request, this one makes one."""
  desktop.refresh()
  refused = desktop.execute_async_script(
    """
    const [done] = arguments;
    document.addEventListener("securitypolicyviolation", (event) => done(event.blockedURI));
    fetch("https://example.invalid/").catch(() => {});
    """
  )
  assert refused.startswith("https://example.invalid")
  desktop.get_log("browser")  # which now tells of it
  desktop.get_log("performance")


def test_a_phone_by_touch(file: pathlib.Path, data: dict[str, Any]) -> None:
  with browser.page(file, browser.PHONE, dark=True, touch=True) as phone:
    width = phone.execute_script("return document.documentElement.scrollWidth")
    assert width == browser.PHONE[0], "the page scrolls sideways"
    ground = phone.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert viewer.colour(ground) == DARK
    divider = phone.find_element(By.ID, "divider")
    stage, loupe = phone.find_element(By.ID, "stage"), phone.find_element(By.ID, "loupe")
    phone.execute_script("arguments[0].scrollIntoView()", stage)
    box = phone.execute_script("return arguments[0].getBoundingClientRect().toJSON()", divider)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    viewer.touch(phone, "touchStart", x, y)
    for step in range(1, 5):
      viewer.touch(phone, "touchMove", x + step * stage.size["width"] / 20, y)
    viewer.touch(phone, "touchEnd")
    assert viewer.split(phone) == pytest.approx(70, abs=1)
    viewer.press_zoom(phone, 8)
    before = viewer.check_regions(phone, data[LANDSCAPE], 8)
    corner = phone.execute_script("return arguments[0].getBoundingClientRect().toJSON()", stage)
    viewer.touch(phone, "touchStart", corner["x"] + 40, corner["y"] + 40)
    viewer.touch(phone, "touchEnd")
    after = viewer.check_regions(phone, data[LANDSCAPE], 8)
    assert after[0] < before[0] and after[1] < before[1]
    # A finger on the region moves it, and not the page.
    scrolled = phone.execute_script("return scrollY")
    _, before_y = after
    box = phone.execute_script("return arguments[0].getBoundingClientRect().toJSON()", loupe)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    viewer.touch(phone, "touchStart", x, y)
    for step in range(1, 5):
      viewer.touch(phone, "touchMove", x, y + 20 * step)
    viewer.touch(phone, "touchEnd")
    assert viewer.check_regions(phone, data[LANDSCAPE], 8)[1] > before_y + 10
    assert phone.execute_script("return scrollY") == scrolled
    viewer.check_logs(phone)


def test_the_ground_is_light_where_dark_is_not_asked_for(page: Any) -> None:
  ground = page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
  assert viewer.colour(ground) == LIGHT
