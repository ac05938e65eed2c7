"""Runs an exported page's decoder in Chromium, without a window: to measure it and to test it.

A page of its own, which uses the scripts of the export, decodes files and posts what it shows to
the server that it came from. Nothing but the browser is needed.
"""

from __future__ import annotations

import contextlib
import http
import http.server
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from compression.common.errors import CompressionError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# In a container there is no user namespace for the sandbox, and little in /dev/shm.
_ARGUMENTS = (
  "--headless=new",
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-background-networking",
  "--no-first-run",
)
_SECONDS = 600
_WATCH_SECONDS = 0.2

_PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'">
<script type="module" src="/play.js"></script>
"""
_SCRIPT = """
import {decode} from "/client.js";
const post = (fields, body) =>
  fetch("/told?" + new URLSearchParams(fields), {method: "POST", body});
for (const file of new URLSearchParams(location.search).getAll("file")) {
  await new Promise((done) => {
    let told = Promise.resolve();
    const tell = (fields, body) => { told = told.then(() => post({file, ...fields}, body)); };
    decode(`/files/${file}`, {
      picture({pixels, ...fields}) { tell({event: "picture", ...fields}, pixels); },
      end(iterations, damage) {
        tell({event: "end", iterations, damage: damage ?? ""});
        told.then(done);
      },
      error(message) {
        tell({event: "error", message});
        told.then(done);
      },
    });
  });
}
"""


class Picture(NamedTuple):
  """An image that was shown.

  Attributes:
    image: uint8 [H, W, 3].
    iteration: from 1.
    bytes: of the file up to it.
    seconds: from when the file was asked for.
  """

  image: np.ndarray
  iteration: int
  bytes: int
  seconds: float


class Played(NamedTuple):
  """What became of a file.

  Attributes:
    pictures: after each iteration, worst first.
    damage: what is wrong with the rest of it, in words; None if nothing is.
    error: why there was no further picture, in words; or None.
  """

  pictures: list[Picture]
  damage: str | None
  error: str | None


def find() -> str | None:
  """The browser; None if there is none."""
  return next(filter(None, map(shutil.which, _BROWSERS)), None)


def play(
  folder: pathlib.Path,
  files: Mapping[str, Iterable[bytes]],
  shown: Callable[[str, Picture], object] = lambda name, picture: None,
) -> tuple[dict[str, Played], int]:
  """Decodes files, one after the other.

  Args:
    folder: `web` of an export.
    files: name -> its bytes, in the pieces in which they are sent.
    shown: is told of each picture.

  Returns: what became of each, and the most memory that the browser's processes had, in bytes; 0
    where the system does not tell.

  Raises:
    CompressionError: if there is no browser, or it does not answer.
  """
  told: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
  played = {name: Played([], None, None) for name in files}
  with serving(folder, files, told) as port, _browser(port, files) as peak:
    left = list(files)
    while left:
      try:
        fields, body = told.get(timeout=_SECONDS)
      except queue.Empty:
        raise CompressionError(f"the browser said nothing for {_SECONDS} seconds") from None
      name = fields["file"]
      if fields["event"] == "picture":
        picture = _picture(fields, body)
        played[name].pictures.append(picture)
        shown(name, picture)
        continue
      left.remove(name)
      damage, error = fields.get("damage") or None, fields.get("message")
      played[name] = played[name]._replace(damage=damage, error=error)
  return played, max(peak)


@contextlib.contextmanager
def serving(
  folder: pathlib.Path,
  files: Mapping[str, Iterable[bytes]],
  told: queue.Queue[tuple[dict[str, str], bytes]] | None = None,
) -> Iterator[int]:
  """A server of an export, on the port that it gives, and of `/files/NAME`, until the block ends.

  Args:
    folder: `web` of an export.
    files: as for `play`.
    told: gets what the page that plays files tells.
  """

  class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any):
      super().__init__(*arguments, directory=str(folder))

    def do_GET(self) -> None:
      path = urllib.parse.urlsplit(self.path).path
      own = {"/play.html": (_PAGE, "text/html"), "/play.js": (_SCRIPT, "text/javascript")}
      if path in own:
        text, kind = own[path]
        self._send([text.encode()], kind)
      elif path.startswith("/files/"):
        self._send(files[urllib.parse.unquote(path[len("/files/") :])], "application/octet-stream")
      else:
        super().do_GET()

    def do_POST(self) -> None:
      fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
      body = self.rfile.read(int(self.headers["Content-Length"] or 0))
      assert told is not None
      # First: once answered, the page tells the next, which another thread hears.
      told.put((fields, body))
      self._send([], "text/plain")

    def _send(self, parts: Iterable[bytes], kind: str) -> None:
      self.send_response(http.HTTPStatus.OK)
      self.send_header("Content-Type", kind)
      self.end_headers()
      for part in parts:
        self.wfile.write(part)
        self.wfile.flush()

    def log_message(self, *arguments: Any) -> None:
      pass

  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
      yield server.server_port
    finally:
      server.shutdown()


def _picture(fields: Mapping[str, str], body: bytes) -> Picture:
  height, width = int(fields["height"]), int(fields["width"])
  rgba = np.frombuffer(body, np.uint8).reshape(height, width, 4)
  assert (rgba[..., 3] == 255).all()
  return Picture(
    rgba[..., :3], int(fields["iteration"]), int(fields["bytes"]), float(fields["seconds"])
  )


@contextlib.contextmanager
def _browser(port: int, files: Iterable[str]) -> Iterator[list[int]]:
  """Chromium with the page that plays files; gives its memory from time to time, in bytes."""
  browser = find()
  if browser is None:
    raise CompressionError(f"there is no browser; any of {', '.join(_BROWSERS)} will do")
  query = urllib.parse.urlencode([("file", name) for name in files])
  found = [0]
  ended = threading.Event()
  with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    process = subprocess.Popen(
      [
        browser,
        *_ARGUMENTS,
        f"--user-data-dir={profile}",
        f"http://127.0.0.1:{port}/play.html?{query}",
      ],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
    )

    def watch() -> None:
      while not ended.wait(_WATCH_SECONDS):
        found.append(_memory_of(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
      yield found
    finally:
      ended.set()
      watcher.join()
      process.terminate()
      process.wait()


def _memory_of(process: int) -> int:
  """Bytes of a process and of all that it started; what several share counts once."""
  parents = {}
  for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
    with contextlib.suppress(OSError):
      parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
  total = 0
  for each in parents:
    ancestor = each
    while ancestor in parents and ancestor != process:
      ancestor = parents[ancestor]
    if ancestor == process:
      with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
          if line.startswith("Pss:"):
            total += 1024 * int(line.split()[1])
  return total
