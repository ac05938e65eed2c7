"""What tests do with the page in a browser, and see of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.reporting import browser


def check_shown(page: Any, photo: dict[str, Any], iteration: int) -> None:
  """Titles, facts and pictures are those of the iteration, everywhere."""
  browser.wait_for_pictures(page)
  assert page.find_element(By.ID, "iteration-value").text == str(iteration)
  assert page.find_element(By.ID, "iteration").get_attribute("value") == str(iteration)
  pressed = page.find_elements(By.CSS_SELECTOR, "#residuals input:checked")
  assert [each.get_attribute("value") for each in pressed] == [str(iteration)]
  for name in ("original", "ours", "jpeg"):
    expected = photo[name] if name == "original" else photo[name][iteration - 1]
    detail = page.find_element(By.CSS_SELECTOR, f"[data-version='{name}']")
    assert detail.find_element(By.TAG_NAME, "strong").text == expected["title"]
    facts = detail.find_elements(By.CSS_SELECTOR, ".facts span")
    assert [fact.text for fact in facts] == expected["facts"]
    image = detail.find_element(By.TAG_NAME, "img")
    assert image.get_attribute("src") == expected["uri"]
    assert image.get_attribute("alt") == f"{photo['name']}: {expected['title']}"


def check_regions(page: Any, photo: dict[str, Any], zoom: int) -> tuple[float, float]:
  """All windows show one region, that of the loupe; returns its middle in pixels of the photo."""
  boxes = page.execute_script(
    """
    const box = (element) => element.getBoundingClientRect().toJSON();
    const windows = [...document.querySelectorAll(".window")];
    return {
      stage: box(document.getElementById("stage")),
      loupe: box(document.getElementById("loupe")),
      windows: windows.map(box),
      images: windows.map((each) => box(each.querySelector("img"))),
      rendering: windows.map((each) => getComputedStyle(each.querySelector("img")).imageRendering),
    };
    """
  )
  assert set(boxes["rendering"]) == {"pixelated"}
  places = []
  for window, image in zip(boxes["windows"], boxes["images"]):
    assert image["width"] == pytest.approx(zoom * photo["width"])
    assert image["height"] == pytest.approx(zoom * photo["height"])
    middle = []
    for start, length in (("x", "width"), ("y", "height")):
      offset = window[start] - image[start]
      if image[length] >= window[length]:  # it fills the window
        assert -1 <= offset <= image[length] - window[length] + 1
      else:  # it stands in the middle
        assert offset == pytest.approx((image[length] - window[length]) / 2, abs=1)
      middle.append((offset + window[length] / 2) / zoom)
    places.append(middle)
  stage, loupe = boxes["stage"], boxes["loupe"]
  for place in places:
    for start, length, at in zip("xy", ("width", "height"), place):
      share = (loupe[start] + loupe[length] / 2 - stage[start]) / stage[length]
      assert share * photo[length] == pytest.approx(at, abs=1.5)
  return places[0][0], places[0][1]


def check_logs(page: Any) -> None:
  """Nothing was written to the console, and nothing was asked for but the file itself."""
  assert page.get_log("browser") == []
  addresses = set()
  for entry in page.get_log("performance"):
    message = json.loads(entry["message"])["message"]
    if message["method"] == "Network.requestWillBeSent":
      addresses.add(message["params"]["request"]["url"])
  assert {address for address in addresses if not address.startswith("data:")} == {page.current_url}


def press_zoom(page: Any, zoom: int) -> None:
  page.find_element(By.CSS_SELECTOR, f"#zoom input[value='{zoom}']").click()


def sides(page: Any) -> tuple[str, str]:
  left, right = (page.find_element(By.ID, f"{side}-tag").text for side in ("left", "right"))
  return left, right


def split(page: Any) -> float:
  """Where the divider is, in percent; the left picture is cut there."""
  place, cut = page.execute_script(
    """
    const stage = document.getElementById("stage").getBoundingClientRect();
    const divider = document.getElementById("divider").getBoundingClientRect();
    const cut = getComputedStyle(document.getElementById("left-image")).clipPath;
    return [100 * (divider.left + divider.width / 2 - stage.left) / stage.width, cut];
    """
  )
  match = re.fullmatch(r"inset\(0px ([\d.]+)% 0px 0px\)", cut)
  assert match, cut
  assert 100 - float(match[1]) == pytest.approx(place, abs=0.2)
  return round(place, 1)


def touch(page: Any, kind: str, *place: float) -> None:
  points = [dict(zip("xy", place))] if place else []
  page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def colour(text: str) -> tuple[int, ...]:
  """Red, green and blue of "rgb(1, 2, 3)" or "rgba(1, 2, 3, 1)"."""
  return tuple(int(number) for number in text.partition("(")[2].rstrip(")").split(",")[:3])
