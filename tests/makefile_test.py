"""The Makefile: it names everything, and does again only what must be done again."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tools import dependencies

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A project in small.
FILES = {
  "compression/__init__.py": "",
  "compression/common/__init__.py": "",
  "compression/common/errors.py": "",
  "compression/common/files.py": "from compression.common import errors",
  "compression/demo.py": 'import compression.common.files\nif __name__ == "__main__":\n  pass',
  "setup.py": "",
  "models/small/config.json": "",
  "tests/conftest.py": "def kodak_dir(): pass",
  "tests/pytest.ini": "",
  "tests/common/errors_test.py": "from compression.common import errors",
  "tests/common/files_test.py": "import compression.common.files",
  "tests/demo_test.py": "run('compression.demo')",
  "tests/photos_test.py": "def test(kodak_dir): pass",
}
TESTS = {name[: -len(".py")] for name in FILES if name.endswith("_test.py")}
OF_ERRORS = {"tests/common/errors_test", "tests/common/files_test", "tests/demo_test"}

# A virtual environment that notes the modules that it is asked to run.
FAKE_VENV_PYTHON = f"""#!/bin/sh
if [ "$1" = -m ]; then echo "$@" >> ran; else exec {sys.executable} "$@"; fi
"""

# An interpreter whose `-m venv FOLDER` makes an environment, the first pip of which fails.
FAKE_PYTHON = f"""#!/bin/sh
case "$1" in
  -V) echo Python 3.11.7 ;;
  -m) mkdir -p "$3/bin"
      echo new >> made
      printf '%s\\n' '#!/bin/sh' \\
        'if [ "$1" = -V ]; then echo Python 3.11.7; exit; fi' \\
        'if [ -e installable ]; then exit 0; fi; touch installable; exit 1' > "$3/bin/python"
      chmod +x "$3/bin/python" ;;
  *) exec {sys.executable} "$@" ;;
esac
"""

# Times, in this order; the last one comes only after the end of this century.
SOURCES, STAMPS, NOW, FUTURE = (1_000_000_000, 1_000_000_001, 1_000_000_002, 5_000_000_000)


def run_make(folder, *arguments, **variables):
  environment = {key: value for key, value in os.environ.items() if not key.startswith("M")}
  for name in ("KODAK_DIR", "GOLDEN_DIR", "ARGS", "IMAGE"):  # that is how `make test` was called
    environment.pop(name, None)
  command = ["make", *arguments, *(f"{key}={value}" for key, value in variables.items())]
  return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def write_script(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Scratch:
  """A folder with such a project and this Makefile."""

  def __init__(self, folder):
    self.folder = folder

  def fill(self):
    """All is installed, and all tests have passed."""
    for file, text in FILES.items():
      self.write(file, text, SOURCES)
    for file in ("Makefile", "tools/dependencies.py"):
      self.write(file, (ROOT / file).read_text("utf-8"), SOURCES)
    write_script(self.folder / ".venv/bin/python", FAKE_VENV_PYTHON)
    self.write(".venv/.complete", "", SOURCES)
    done = run_make(self.folder, ".build/data_dirs")
    assert done.returncode == 0, done.stderr
    self.touch(".build/data_dirs", SOURCES)
    for name in TESTS:
      self.write(f".build/{name}.passed", "", STAMPS)
      self.write(f".build/{name}.fast", "", STAMPS)

  def write(self, file, text, when=None):
    """With a time, or as it comes: as an editor does, after all that make has written."""
    path = self.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    if when:
      self.touch(file, when)
    else:
      os.utime(self.folder / ".build/dependencies.mk", (STAMPS, STAMPS))

  def touch(self, file, when):
    os.utime(self.folder / file, (when, when))

  def rerun(self, *arguments, **variables):
    """The tests that `make` with these arguments runs."""
    done = run_make(self.folder, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"(\S+_test)\.py", self.ran()))

  def ran(self):
    """What the virtual environment was asked to run since the last time."""
    file = self.folder / "ran"
    text = file.read_text() if file.exists() else ""
    file.write_text("")
    return text


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
  folder = tmp_path_factory.mktemp("filled")
  Scratch(folder).fill()
  return folder


@pytest.fixture
def scratch(filled, tmp_path):
  return Scratch(shutil.copytree(filled, tmp_path / "project"))


def test_help_names_all_there_is_and_says_what_programs_are_for():
  listed = run_make(ROOT, "help").stdout
  tree = dependencies.Tree(ROOT)
  programs = [pathlib.PurePath(file).stem for file in tree.programs()]
  said = re.findall(r"^  make (\S+) +\S", listed, re.MULTILINE)
  assert len(set(said)) == len(said)
  assert not set(programs) - set(said), "add a line to the Makefile: NAME:  ## What it does"
  assert {f"{name}.py" for name in re.findall(r"^  (tests/\S+)$", listed, re.MULTILINE)} == {
    *tree.tests()
  }
  targets = re.findall(r"^([a-z_-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
  assert set(targets) == set(said)
  recipes = re.findall(r"^([a-z-]+):.*\n\t", (ROOT / "Makefile").read_text(), re.MULTILINE)
  assert set(said) - set(recipes) - {"venv"} == {*programs, "bench-train"}, "no such program"
  assert len(set(programs)) == len(programs) and not set(programs) & set(recipes)


def test_the_package_carries_the_released_models_and_the_page(tmp_path):
  command = ["setup.py", "--quiet", "build", "--build-base", str(tmp_path)]
  subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
  built = tmp_path / "lib/compression"
  files = [*ROOT.glob("models/*/*"), *ROOT.glob("models/earlier/*/*")]
  assert any("earlier" in path.parts for path in files)
  for path in files:
    if path.suffix in (".json", ".npz", ".md"):
      assert (built / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
  page = {path.name for path in (built / "web").iterdir()}
  assert page == {path.name for path in (ROOT / "web").glob("[!.]*.*")}
  assert {"index.html", "page.css", "codec_worker.js", "package-lock.json"} <= page
  modules = {path.relative_to(ROOT) for path in ROOT.glob("compression/**/*.py")}
  assert modules == {path.relative_to(tmp_path / "lib") for path in built.glob("**/*.py")}


def test_what_runs_networks_in_browsers_is_there_before_the_tests_that_need_it(scratch):
  """And where npm brings nothing they run, too, and skip what needs it."""
  scratch.write("web/package.json", "{}")
  scratch.write("web/package-lock.json", "{}")
  scratch.write("tests/page_test.py", "x = 'web'")
  write_script(scratch.folder / "npm", "#!/bin/sh\necho npm $* >> ran\nexit 1\n")
  path = f"{scratch.folder}:{os.environ['PATH']}"
  assert run_make(scratch.folder, "tests/demo_test", PATH=path).returncode == 0
  assert "npm" not in scratch.ran()
  done = run_make(scratch.folder, "tests/page_test", PATH=path)
  assert done.returncode == 0, done.stderr
  npm, tests = scratch.ran().splitlines()[-2:]
  assert npm.startswith("npm ci --prefix=web") and "tests/page_test.py" in tests


def test_nothing_reruns_when_nothing_changed(scratch):
  assert scratch.rerun("test") == set()
  assert scratch.rerun("test-fast") == set()


@pytest.mark.parametrize(
  "file, due",
  [
    ("compression/common/errors.py", OF_ERRORS),
    ("compression/common/files.py", OF_ERRORS - {"tests/common/errors_test"}),
    ("tests/photos_test.py", {"tests/photos_test"}),
    ("models/small/config.json", set()),
    ("tests/conftest.py", TESTS),
    ("tests/pytest.ini", TESTS),
    (".venv/.complete", TESTS),
  ],
)
def test_a_changed_source_reruns_its_tests_and_no_others(scratch, file, due):
  scratch.touch(file, NOW)
  assert scratch.rerun("test") == due
  assert scratch.rerun("test-fast") == due


def test_one_test_can_be_made_by_name(scratch):
  scratch.touch("compression/common/errors.py", NOW)
  assert scratch.rerun("tests/demo_test") == {"tests/demo_test"}


def test_another_folder_of_data_reruns_the_tests_that_use_it(scratch):
  assert scratch.rerun("test", KODAK_DIR="elsewhere") == {"tests/photos_test"}
  scratch.touch(".build/data_dirs", SOURCES)
  assert scratch.rerun("test", KODAK_DIR="elsewhere") == set()


def test_a_new_import_and_new_and_removed_files_need_no_word_here(scratch):
  (scratch.folder / "tests/photos_test.py").unlink()
  scratch.write("compression/common/errors.py", "from compression.common import jobs")
  scratch.write("compression/common/jobs.py", "import no_such_module, but this is no Python")
  scratch.write("tests/common/jobs_test.py", "import compression.common.jobs")
  assert scratch.rerun("test") == {*OF_ERRORS, "tests/common/jobs_test"}
  for name in (*OF_ERRORS, "tests/common/jobs_test"):
    scratch.write(f".build/{name}.passed", "")
  assert scratch.rerun("test") == set()
  scratch.touch("compression/common/jobs.py", FUTURE)  # Make does not read its files for ever.
  assert scratch.rerun("test") == {*OF_ERRORS, "tests/common/jobs_test"}


def test_a_program_gets_its_arguments(scratch):
  assert run_make(scratch.folder, "demo", IMAGE="a b.jpg").returncode == 0
  assert scratch.ran() == "-m compression.demo --image=a b.jpg\n"
  assert run_make(scratch.folder, "dependencies", ARGS="tests/demo_test.py").returncode == 0
  assert scratch.ran() == "-m tools.dependencies tests/demo_test.py\n"


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


def test_from_a_fresh_clone_the_tests_come_after_the_install(scratch):
  for folder in (".venv", ".build"):
    shutil.rmtree(scratch.folder / folder)
  write_script(scratch.folder / "python", FAKE_PYTHON)
  (scratch.folder / "installable").touch()
  done = run_make(scratch.folder, "test", PYTHON="./python")
  assert done.returncode == 0, done.stderr
  assert re.search(r"pip install .*\n.* -m pytest .*tests/demo_test\.py", done.stdout)


def test_without_a_python_that_fits_it_says_what_to_do_and_still_cleans(scratch):
  shutil.rmtree(scratch.folder / ".venv")
  shutil.rmtree(scratch.folder / ".build")
  for target in ("venv", "test"):
    done = run_make(scratch.folder, target, PYTHON="false no-such-python")
    assert done.returncode != 0
    assert "make PYTHON=/path/to/python3.11" in done.stderr
    assert not (scratch.folder / ".venv").exists()
  assert run_make(scratch.folder, "clean", PYTHON="false").returncode == 0
  assert not (scratch.folder / ".build").exists()
