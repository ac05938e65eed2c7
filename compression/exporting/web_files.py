"""What an exported page is made of but for the model: our own scripts, and LiteRT.js.

LiteRT.js runs the networks. It is the package @litertjs/core (Apache-2.0) of the package index of
JavaScript, some 10 MB of WebAssembly: `npm ci --prefix=web` in a checkout, which `make test` does
where npm is there, or `npm install` in the folder from which the export is called.
"""

from __future__ import annotations

import json
import pathlib

from compression.common.errors import ConfigError

RUNTIME_FOLDER = "runtime"

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# An installed package holds the page inside, a checkout beside the package.
_FOLDERS = (_PACKAGE / "web", _PACKAGE.parent / "web")
_MANIFEST = "package.json"
_INSTALLED = "node_modules"
_SUFFIXES = (".html", ".css", ".js")

_LITERT, _WASM_UTILS = "@litertjs/core", "@litertjs/wasm-utils"
# With the instructions that recent browsers have, and without: it loads one of them.
_WASM = ("litert_wasm_internal", "litert_wasm_compat_internal")
_SCRIPTS = {
  "litert.js": f"{_LITERT}/dist/index.js",
  "wasm_utils.js": f"{_WASM_UTILS}/dist/index.js",
}
# Browsers know files, not packages; and what maps the scripts to their sources is left out.
_REWRITTEN = (f'"{_WASM_UTILS}"', '"./wasm_utils.js"'), ("//# sourceMappingURL=", "// Sources: ")


def folder() -> pathlib.Path:
  """The folder `web` of this project.

  Raises:
    ConfigError: if it is not there.
  """
  for found in _FOLDERS:
    if (found / _MANIFEST).is_file():
      return found
  raise ConfigError(f"{_FOLDERS[0]}: is not there, so that no page can be made")


def page() -> list[pathlib.Path]:
  """The files of the page and of the decoder; raises ConfigError as `folder`."""
  return sorted(file for file in folder().iterdir() if file.suffix in _SUFFIXES)


def runtime() -> dict[str, bytes]:
  """The files of LiteRT.js by name, changed so that they find one another.

  Raises:
    ConfigError: if it is not installed, or not as this project knows it; says what to run.
  """
  version = json.loads((folder() / _MANIFEST).read_text("utf-8"))["dependencies"][_LITERT]
  for packages in (folder() / _INSTALLED, pathlib.Path(_INSTALLED)):
    if _version(packages) == version:
      return _read(packages)
  raise ConfigError(
    f"LiteRT.js {version} is not installed, which runs the networks in browsers;"
    f" this brings it: npm install --no-save {_LITERT}@{version}"
  )


def _version(packages: pathlib.Path) -> str | None:
  try:
    return json.loads((packages / _LITERT / _MANIFEST).read_text("utf-8"))["version"]
  except (OSError, ValueError, KeyError):
    return None


def _read(packages: pathlib.Path) -> dict[str, bytes]:
  files = {}
  try:
    for name, source in _SCRIPTS.items():
      text = (packages / source).read_text("utf-8")
      for before, after in _REWRITTEN:
        text = text.replace(before, after)
      files[name] = text.encode()
    for stem in _WASM:
      for name in (f"{stem}.js", f"{stem}.wasm"):
        files[name] = (packages / _LITERT / "wasm" / name).read_bytes()
    files[_MANIFEST] = (packages / _LITERT / _MANIFEST).read_bytes()  # its version and licence
  except OSError as error:
    raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from error
  return files
