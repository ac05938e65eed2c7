"""The Makefile: what it declares is true, and it does again only what must be done again."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tools import test_sources

ROOT = pathlib.Path(__file__).resolve().parent.parent
THIS = "tests/makefile_test"

# What the Makefile declares for every test, and for those with Kodak images.
EVERY_TEST = ("tests/conftest.py", "tests/pytest.ini")
DATA_DIRS = ".build/data_dirs"

# A virtual environment that notes what it is asked to run.
FAKE_VENV_PYTHON = """#!/bin/sh
echo "$@" >> ran
"""

# An interpreter whose `-m venv FOLDER` makes an environment, the first pip of which fails.
FAKE_PYTHON = """#!/bin/sh
case "$1" in
  -c) exit 0 ;;
  -V) echo Python 3.11.7 ;;
  -m) mkdir -p "$3/bin"
      echo new >> made
      printf '%s\\n' '#!/bin/sh' \\
        'if [ "$1" = -V ]; then echo Python 3.11.7; exit; fi' \\
        'if [ -e installable ]; then exit 0; fi; touch installable; exit 1' > "$3/bin/python"
      chmod +x "$3/bin/python" ;;
esac
"""

SOURCES, STAMPS, NOW = (1_000_000_000 + day * 86_400 for day in range(3))  # Times, in this order.


def run_make(folder, *arguments, **variables):
  environment = {key: value for key, value in os.environ.items() if not key.startswith("M")}
  environment.pop("KODAK_DIR", None)
  environment.pop("GOLDEN_DIR", None)
  command = ["make", *arguments, *(f"{key}={value}" for key, value in variables.items())]
  return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def declarations():
  """Program or test -> its declared sources."""
  done = run_make(ROOT, "-s", "declarations")
  assert done.returncode == 0, done.stderr
  lines = [line.split() for line in done.stdout.splitlines()]
  assert len({line[0] for line in lines}) == len(lines), "declared twice"
  return {line[0]: set(line[1:]) for line in lines}


def is_program(path):
  return re.search(r'^if __name__ == "__main__":', path.read_text(encoding="utf-8"), re.MULTILINE)


def write_script(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Scratch:
  """A folder with this Makefile and empty sources; all tests have passed there."""

  def __init__(self, folder):
    self.folder = folder
    declared = declarations()
    self.tests = {name: found for name, found in declared.items() if name.startswith("tests/")}
    for name, found in self.tests.items():
      stem = folder / ".build" / name
      for file in (f"{name}.py", *found, *EVERY_TEST, "setup.py"):
        self.touch(file, SOURCES)
      self.touch(stem.with_suffix(".passed"), STAMPS)
      self.touch(stem.with_suffix(".fast"), STAMPS)
    shutil.copy(ROOT / "Makefile", folder)
    os.utime(folder / "Makefile", (SOURCES, SOURCES))
    write_script(folder / ".venv/bin/python", FAKE_VENV_PYTHON)
    self.touch(".venv/.complete", SOURCES)
    run_make(folder, DATA_DIRS)
    self.touch(DATA_DIRS, SOURCES)

  def touch(self, file, when):
    path = self.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (when, when))

  def rerun(self, *arguments, **variables):
    """The tests that `make` with these arguments runs."""
    ran = self.folder / "ran"
    ran.write_text("")
    done = run_make(self.folder, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"(\S+_test)\.py", ran.read_text()))

  def made_of(self, file):
    return {name for name, found in self.tests.items() if file in found or file == f"{name}.py"}


@pytest.fixture
def scratch(tmp_path):
  return Scratch(tmp_path)


def test_every_test_is_declared():
  files = {
    path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.glob("tests/**/*_test.py")
  }
  declared = {name for name in declarations() if name.startswith("tests/")}
  undeclared, nowhere = sorted(files - declared), sorted(declared - files)
  assert not undeclared, "add them to the Makefile, as $(eval $(call test,NAME,SOURCES))"
  assert not nowhere, "the Makefile declares tests that do not exist"


def test_every_program_is_declared():
  files = {
    path.relative_to(ROOT).with_suffix("").as_posix()
    for folder in ("compression", "tools")
    for path in ROOT.glob(f"{folder}/**/*.py")
    if is_program(path)
  }
  declared = {name for name in declarations() if not name.startswith("tests/")}
  undeclared, nowhere = sorted(files - declared), sorted(declared - files)
  assert not undeclared, "add them to the Makefile, as $(eval $(call program,PATH,SOURCES))"
  assert not nowhere, "the Makefile declares programs that do not exist"
  assert len({name.partition("/")[2] for name in declared}) == len(declared)


def test_the_declared_sources_are_all_that_is_imported():
  missing = []
  for name, found in declarations().items():
    needed = test_sources.sources(f"{name}.py", ROOT)
    if name.startswith("tests/") and name != THIS:
      text = (ROOT / f"{name}.py").read_text(encoding="utf-8")
      needed |= (
        {DATA_DIRS} if "kodak_dir" in text.lower() or "golden_dir" in text.lower() else set()
      )
    needed -= {f"{name}.py", *EVERY_TEST, *found}
    missing += [f"{name}: {file}" for file in sorted(needed)]
  assert not missing, "the Makefile misses these sources:\n" + "\n".join(missing)


def test_declared_sources_exist():
  named = set().union(*declarations().values()) - {DATA_DIRS}
  assert not [file for file in sorted(named) if not (ROOT / file).is_file()]


def test_help_names_every_target():
  listed = run_make(ROOT, "help").stdout
  text = (ROOT / "Makefile").read_text()
  targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
  for name in [*targets, *(name.split("/", 1)[-1] for name in declarations())]:
    assert name == "declarations" or re.search(rf"\b{name}\b", listed), name


def test_the_package_carries_the_released_models(tmp_path):
  command = ["setup.py", "--quiet", "build", "--build-base", str(tmp_path)]
  subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
  built = tmp_path / "lib/compression"
  for path in ROOT.glob("models/*/*"):
    if path.suffix in (".json", ".npz", ".md"):
      assert (built / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
  modules = {path.relative_to(ROOT) for path in ROOT.glob("compression/**/*.py")}
  assert modules == {path.relative_to(tmp_path / "lib") for path in built.glob("**/*.py")}


def test_nothing_reruns_when_nothing_changed(scratch):
  assert scratch.rerun("test") == set()
  assert scratch.rerun("test-fast") == set()


@pytest.mark.parametrize(
  "file", ["compression/common/errors.py", "tests/formats/rnic_test.py", "Makefile"]
)
def test_a_changed_source_reruns_its_tests_and_no_others(scratch, file):
  scratch.touch(file, NOW)
  assert scratch.made_of(file)
  assert scratch.rerun("test") == scratch.made_of(file)
  assert scratch.rerun("test-fast") == scratch.made_of(file)


def test_one_test_can_be_made_by_name(scratch):
  for file in scratch.made_of("compression/common/errors.py"):
    scratch.touch(f"{file}.py", NOW)
  assert scratch.rerun("tests/container_test") == {"tests/container_test"}


@pytest.mark.parametrize("file", ["tests/conftest.py", "tests/pytest.ini", ".venv/.complete"])
def test_what_all_tests_share_reruns_all(scratch, file):
  scratch.touch(file, NOW)
  assert scratch.rerun("test") == set(scratch.tests)


def test_another_folder_of_data_reruns_the_tests_that_use_it(scratch):
  with_data = scratch.made_of(DATA_DIRS)
  assert scratch.rerun("test", KODAK_DIR="elsewhere") == with_data
  scratch.touch(DATA_DIRS, SOURCES)
  assert scratch.rerun("test", KODAK_DIR="elsewhere") == set()


def test_an_interrupted_install_is_not_taken_for_an_environment(scratch):
  shutil.rmtree(scratch.folder / ".venv")
  write_script(scratch.folder / "python", FAKE_PYTHON)
  assert run_make(scratch.folder, "venv", PYTHON="./python").returncode != 0
  (scratch.folder / ".venv/rest").touch()
  assert not (scratch.folder / ".venv/.complete").exists()
  done = run_make(scratch.folder, "venv", PYTHON="./python")
  assert done.returncode == 0, done.stderr
  assert (scratch.folder / ".venv/.complete").exists()
  assert not (scratch.folder / ".venv/rest").exists()
  run_make(scratch.folder, "venv", PYTHON="./python")
  assert (scratch.folder / "made").read_text() == "new\nnew\n"


def test_without_a_python_that_fits_it_says_what_to_do(scratch):
  shutil.rmtree(scratch.folder / ".venv")
  done = run_make(scratch.folder, "venv", PYTHON="false no-such-python")
  assert done.returncode != 0
  assert "make PYTHON=/path/to/python3.11" in done.stderr
  assert not (scratch.folder / ".venv").exists()


def run_pytest(folder, files, *arguments):
  """Runs these test files below this project's conftest.py; the exit status and the stamps."""
  (folder / "tests").mkdir(exist_ok=True)
  for name in ("conftest.py", "pytest.ini"):
    shutil.copy(ROOT / "tests" / name, folder / "tests")
  for name, text in files.items():
    (folder / "tests" / name).write_text(f"import pytest\nslow = pytest.mark.slow\n{text}")
  command = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "--stamps=stamps"]
  done = subprocess.run([*command, *arguments, "tests"], cwd=folder, capture_output=True, text=True)
  stamps = {path.relative_to(folder / "stamps").as_posix() for path in folder.glob("stamps/**/*.*")}
  return done, stamps


def test_test_modules_do_not_hide_the_folders_that_they_mirror():
  assert __name__ == "tests.makefile_test"  # and tests/tools/x_test.py is not tools.x_test


@pytest.fixture(params=[[], ["--numprocesses=2", "--dist=loadfile"]], ids=["one", "two"])
def processes(request):
  """The tests run in one process, or in two."""
  return request.param


def test_only_files_whose_tests_all_passed_are_stamped(tmp_path, processes):
  files = {
    "good_test.py": "def test_a(): pass\ndef test_b(): pytest.skip('no images')",
    "bad_test.py": "def test_a(): pass\ndef test_b(): assert False",
    "unset_test.py": "@pytest.fixture\ndef f(): assert False\ndef test_a(f): pass",
    "undone_test.py": "@pytest.fixture\ndef f():\n  yield\n  assert False\ndef test_a(f): pass",
    "broken_test.py": "import no_such_module",
    "late_test.py": "def test_a(): pass\n@slow\ndef test_b(): assert False",
  }
  done, stamps = run_pytest(tmp_path, files, *processes)
  assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
  assert stamps == {"good_test.fast", "good_test.passed", "late_test.fast"}


def test_leaving_out_slow_tests_stamps_the_fast_ones(tmp_path, processes):
  files = {
    "fast_test.py": "def test_a(): pass",
    "mixed_test.py": "@slow\ndef test_a(): pass\ndef test_b(): pass",
    "slow_test.py": "@slow\ndef test_a(): pass",
  }
  done, stamps = run_pytest(tmp_path, files, "-m", "not slow", *processes)
  assert done.returncode == 0, done.stdout
  assert stamps == {"fast_test.fast", "fast_test.passed", "mixed_test.fast", "slow_test.fast"}


def test_only_slow_tests_is_no_failure_of_the_fast_ones(tmp_path, processes):
  files = {"a_test.py": "@slow\ndef test_a(): pass"}
  done, stamps = run_pytest(tmp_path, files, "-m", "not slow", *processes)
  assert done.returncode == 0, done.stdout
  assert stamps == {"a_test.fast"}


def test_a_choice_by_name_stamps_nothing(tmp_path, processes):
  files = {"a_test.py": "def test_a(): pass\ndef test_b(): pass"}
  done, stamps = run_pytest(tmp_path, files, "-k", "test_a", *processes)
  assert "1 passed" in done.stdout and "2 passed" not in done.stdout
  assert not stamps


def test_slow_tests_run_last(tmp_path):
  files = {
    "a_test.py": "@slow\ndef test_1(): pass\ndef test_2(): pass",
    "b_test.py": "def test_3(): pass",
  }
  done, _ = run_pytest(tmp_path, files, "-v")
  assert re.findall(r"::test_(\d)", done.stdout) == ["2", "3", "1"]


def test_a_source_that_changes_during_the_run_is_newer_than_the_stamp(tmp_path):
  touch = "import pathlib, time\ndef test_a():\n  time.sleep(0.1)\n  pathlib.Path('x').touch()"
  run_pytest(tmp_path, {"a_test.py": touch})
  passed = tmp_path / "stamps/a_test.passed"
  assert passed.stat().st_mtime < (tmp_path / "x").stat().st_mtime
