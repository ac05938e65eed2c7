"""What a page is made of: all is there, nothing is asked of others, and what lacks is told."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from compression.common.errors import ConfigError
from compression.exporting import web_files

_WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
_VERSION = json.loads((_WEB / "package.json").read_text())["dependencies"]["@litertjs/core"]


def _install(packages: pathlib.Path, version: str = _VERSION) -> None:
  """What npm installs, as far as it is used."""
  core, utils = packages / "@litertjs/core", packages / "@litertjs/wasm-utils"
  for folder in (core / "dist", core / "wasm", utils / "dist"):
    folder.mkdir(parents=True)
  (core / "package.json").write_text(json.dumps({"version": version}))
  script = (
    'import { createWasmLib } from "@litertjs/wasm-utils";\n//# sourceMappingURL=index.js.map\n'
  )
  (core / "dist/index.js").write_text(script)
  (utils / "dist/index.js").write_text("export {};\n")
  for name in ("litert_wasm_internal", "litert_wasm_compat_internal"):
    (core / f"wasm/{name}.js").write_text("js")
    (core / f"wasm/{name}.wasm").write_bytes(b"\0asm")


@pytest.fixture
def bare(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """An empty folder, and this project as it is before npm installed anything."""
  (tmp_path / "web").mkdir()
  (tmp_path / "web/package.json").write_bytes((_WEB / "package.json").read_bytes())
  monkeypatch.setattr(web_files, "_FOLDERS", (tmp_path / "none", tmp_path / "web"))
  (tmp_path / "here").mkdir()
  monkeypatch.chdir(tmp_path / "here")
  return tmp_path


def test_every_script_finds_what_it_imports_and_no_other_server_is_asked() -> None:
  names = {file.name for file in web_files.page()}
  assert {"index.html", "page.css", "rnic_image.js", "codec_worker.js"} <= names
  imported = set()
  for file in web_files.page():
    text = file.read_text("utf-8")
    assert not re.search(r"https?://|[\"'(]//", text), file
    found = re.findall(r"(?:from |import\(|new URL\()\"\./([\w/.]+)\"", text)
    if file.suffix == ".html":
      found += re.findall(r"(?:src|href)=\"(\w[\w.]*)\"", text)
    imported.update(found)
  assert imported - {"model/", "runtime/"} <= names | {"runtime/litert.js"}
  assert names - imported == {"index.html", "rnic_image.js"}  # what pages begin with


def test_npm_is_told_no_server() -> None:
  lock = json.loads((_WEB / "package-lock.json").read_text())
  packages = {name: each for name, each in lock["packages"].items() if name}
  assert set(packages) == {"node_modules/@litertjs/core", "node_modules/@litertjs/wasm-utils"}
  assert all(each["integrity"] and "resolved" not in each for each in packages.values())
  assert lock["packages"]["node_modules/@litertjs/core"]["version"] == _VERSION


@pytest.mark.parametrize("place", ["web/node_modules", "here/node_modules"])
def test_the_runtime_is_taken_from_either_place_and_needs_no_package_names(
  bare: pathlib.Path, place: str
) -> None:
  _install(bare / place)
  files = web_files.runtime()
  assert files["litert.js"].startswith(b'import { createWasmLib } from "./wasm_utils.js";')
  assert b"sourceMappingURL" not in files["litert.js"]
  assert {name for name in files if name.endswith(".wasm")} == {
    "litert_wasm_internal.wasm",
    "litert_wasm_compat_internal.wasm",
  }
  for name in files:
    if name.endswith(".wasm"):
      assert name.replace(".wasm", ".js") in files


def test_what_is_missing_is_one_line_that_says_what_brings_it(bare: pathlib.Path) -> None:
  words = (
    f"LiteRT.js {_VERSION} is not installed.* npm install --no-save @litertjs/core@{_VERSION}$"
  )
  with pytest.raises(ConfigError, match=words):
    web_files.runtime()
  _install(bare / "here/node_modules", "1.0.0")
  with pytest.raises(ConfigError, match=words):
    web_files.runtime()
  _install(bare / "web/node_modules")
  (bare / "web/node_modules/@litertjs/core/wasm/litert_wasm_internal.wasm").unlink()
  with pytest.raises(ConfigError, match="litert_wasm_internal.wasm: cannot be read"):
    web_files.runtime()
  (bare / "web/package.json").unlink()
  with pytest.raises(ConfigError, match="is not there"):
    web_files.page()
