"""What conftest.py adds to pytest: an order, stamps of what passed, a line on what was left out."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

TESTS = pathlib.Path(__file__).resolve().parent

ONE = []
TWO = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
ONE_WORKER = ["--numprocesses=1", *TWO[1:]]

FILES = {
  "good": "def test_a(): pathlib.Path('x').touch()\ndef test_b(): pytest.skip('the moon is full')",
  "bad": "def test_a(): pass\ndef test_b(): assert False",
  "unset": "@pytest.fixture\ndef f(): assert False\ndef test_a(f): pass",
  "undone": "@pytest.fixture\ndef f():\n  yield\n  assert False\ndef test_a(f): pass",
  "broken": "import no_such_module",
  "late": "def test_a(): pass\n@slow\ndef test_b(): assert False",
  "mixed": "@slow\ndef test_a(): pass\ndef test_b(): pass",
  "long": "@slow\ndef test_a(): pass",
  "kodak": "def test_a(kodak_dir): pass\ndef test_b(kodak_dir): pass",
  "golden": "@pytest.mark.skipif(True, reason='set GOLDEN_DIR')\ndef test_a(): pass",
  "library": "def test_a(): pytest.importorskip('no_such_module')",
  "browser": "pytest.skip('there is no chromium', allow_module_level=True)",
  "node": "pytest.skip('there is no node', allow_module_level=True)",
  "litert": "pytest.skip('LiteRT.js is not there', allow_module_level=True)",
  "machine": "def test_a(record_property): record_property('left out', 'AVX-512 is not here')",
}


class Run(NamedTuple):
  """A run of pytest.

  Attributes:
    folder: where it ran.
    status: its exit status.
    out: what it printed.
    stamps: those that it wrote.
  """

  folder: pathlib.Path
  status: int
  out: str
  stamps: set[str]


def run(folder, files, *arguments):
  """Runs these test files below this project's conftest.py."""
  (folder / "tests").mkdir(exist_ok=True)
  for name in ("conftest.py", "pytest.ini"):
    shutil.copy(TESTS / name, folder / "tests")
  for name, text in files.items():
    head = "import pathlib, pytest\nslow = pytest.mark.slow\n"
    (folder / "tests" / f"{name}_test.py").write_text(head + text)
  environment = {key: value for key, value in os.environ.items() if key != "KODAK_DIR"}
  # They have no use for hypothesis, which takes a second to import.
  command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--stamps=stamps"]
  command += ["--continue-on-collection-errors", *arguments, "tests"]
  done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
  stamps = {path.name for path in folder.glob("stamps/*")}
  return Run(folder, done.returncode, done.stdout, stamps)


@pytest.fixture(scope="module", params=[ONE, TWO], ids=["one", "two"])
def done(request, tmp_path_factory):
  """A run of all of them, in one process or in two."""
  return run(tmp_path_factory.mktemp("all"), FILES, *request.param)


def order(found):
  """The tests in the order in which `-v` tells of them: file/test."""
  pairs = re.findall(r"(?:PASSED \S*)?\btests/(\w+)_test\.py::test_(\w)", found.out)
  return list(dict.fromkeys("/".join(pair) for pair in pairs))


def test_only_files_whose_tests_all_passed_are_stamped(done):
  assert done.status == pytest.ExitCode.TESTS_FAILED, done.out
  passed = {"good", "mixed", "long", "kodak", "golden", "library", "machine"}
  assert {stamp for stamp in done.stamps if stamp.endswith(".passed")} == {
    f"{name}_test.passed" for name in passed
  }
  assert {stamp for stamp in done.stamps if stamp.endswith(".fast")} == {
    f"{name}_test.fast" for name in {*passed, "late"}
  }


def test_a_source_that_changes_during_the_run_is_newer_than_the_stamp(done):
  stamp = done.folder / "stamps/good_test.passed"
  assert stamp.stat().st_mtime < (done.folder / "x").stat().st_mtime


def test_one_line_says_what_was_left_out_for_want_of_what(done):
  (line,) = re.findall(r"^Left out: (.*)$", done.out, re.MULTILINE)
  assert sorted(line.split("; ")) == [
    "1 file without LiteRT.js (npm ci --prefix=web)",
    "1 file without Node (apt-get install nodejs npm)",
    "1 file without a browser (apt-get install chromium chromium-driver)",
    "1 test without golden vectors (make test GOLDEN_DIR=FOLDER)",
    "1 test without libraries (make distclean venv PYTHON=python3.11)",
    "1 test without some instruction sets (another processor)",
    "1 test, as the moon is full",
    "2 tests without Kodak images (make test KODAK_DIR=FOLDER)",
  ]


def test_leaving_out_slow_tests_stamps_the_fast_ones(tmp_path):
  names = ("late", "mixed", "long", "machine")
  found = run(tmp_path, {name: FILES[name] for name in names}, "-m", "not slow")
  assert found.status == 0, found.out
  assert found.stamps == {*(f"{name}_test.fast" for name in names), "machine_test.passed"}


def test_only_slow_tests_is_no_failure_of_the_fast_ones(tmp_path):
  found = run(tmp_path, {"long": FILES["long"]}, "-m", "not slow")
  assert found.status == 0, found.out
  assert found.stamps == {"long_test.fast"}


def test_a_choice_by_name_stamps_nothing(tmp_path):
  found = run(tmp_path, {"mixed": FILES["mixed"]}, "-k", "test_a")
  assert "1 passed, 1 deselected" in found.out
  assert not found.stamps


ORDER = {
  "a": "def test_1(): pass\ndef test_2(): pass",
  "b": "def test_3(): pass\n@slow\ndef test_4(): pass\ndef test_5(): pass",
  "c": "def test_6(): pass\ndef test_7(): pass\ndef test_8(): pass",
}


def test_in_one_process_slow_tests_run_last(tmp_path):
  found = order(run(tmp_path, ORDER, "-v"))
  assert found == ["a/1", "a/2", "b/3", "b/5", "c/6", "c/7", "c/8", "b/4"]


def test_of_several_processes_each_takes_the_file_that_is_slowest_next(tmp_path):
  found = order(run(tmp_path, ORDER, "-v", *ONE_WORKER))
  assert found == ["b/3", "b/5", "b/4", "c/6", "c/7", "c/8", "a/1", "a/2"]


def test_shuffling_keeps_files_together_and_is_the_same_for_the_same_seed(tmp_path):
  again = [order(run(tmp_path, ORDER, "-v", "--shuffle=7", *where)) for where in (ONE, ONE_WORKER)]
  assert again[0] == again[1]
  assert sorted(again[0]) == ["a/1", "a/2", "b/3", "b/4", "b/5", "c/6", "c/7", "c/8"]
  assert again[0] != sorted(again[0])
  files = [name.partition("/")[0] for name in again[0]]
  assert sum(file != before for file, before in zip(files, ["", *files])) == len(ORDER)


def test_test_modules_do_not_hide_the_folders_that_they_mirror():
  assert __name__ == "tests.conftest_test"  # and tests/tools/x_test.py is not tools.x_test
