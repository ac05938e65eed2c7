"""Claims about `tools/dependencies.py`: all that a file is made of is found, and nothing is run."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from tools import dependencies

ROOT = pathlib.Path(__file__).parents[2]


def write(folder, files):
  for name, text in files.items():
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def sources(folder, files, path):
  """The sources of a file in a tree of these files, without the file itself."""
  write(folder, files)
  found = dependencies.Tree(folder).sources(path)
  assert path in found
  return found - {path}


PACKAGE = {
  "compression/__init__.py": "def load():\n  from compression import codec",
  "compression/codec.py": "import numpy\nfrom .layers import gru",
  "compression/layers/__init__.py": "from compression.layers.gru import x",
  "compression/layers/gru.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
  "  import compression.info",
  "compression/info.py": "",
  "tests/conftest.py": "",
  "tests/golden/a.npz": "",
  "tests/layers/conftest.py": "",
  "tools/tool.py": "import compression.info",
}
GRU = {"compression/__init__.py", "compression/layers/__init__.py", "compression/layers/gru.py"}
INFO = {"compression/__init__.py", "compression/info.py"}


@pytest.mark.parametrize(
  "name, text, found",
  [
    (
      "tests/layers/gru_test.py",
      "from compression.layers import gru\ndef test():\n  a = 'golden'",
      {*GRU, "tests/layers/conftest.py", "tests/golden/a.npz"},
    ),
    ("tests/api_test.py", "import compression", {*GRU, "compression/codec.py"}),
    (
      "tests/api_test.py",
      "from compression import load",
      {*GRU, "compression/codec.py"},
    ),
    ("tests/a_test.py", "import compression.info", INFO),
    ("tests/a_test.py", "def test():\n  class A:\n    import compression.info as i", INFO),
    ("tests/info_test.py", "run(['python', '-m', 'compression.info'])", INFO),
    ("tests/tool_test.py", "run('python tools/tool.py | wc')", {"tools/tool.py", *INFO}),
    (
      "tests/all_test.py",
      "run(['python', '-m', f'compression.{name}'])",
      {*GRU, "compression/codec.py", "compression/info.py"},
    ),
    ("tests/code_test.py", "CODE = '''\nimport os\n  from compression.info import x\n'''", INFO),
    ("tests/path_test.py", "run(ROOT / 'compression/info.py')", {"compression/info.py"}),
    (
      "tests/all_test.py",
      "ROOT.glob('compression/layers/*.py')",
      GRU - {"compression/__init__.py"},
    ),
    ("tests/none_test.py", "a = 'compression.x', 'tools/gone.py', 'gone', 'a.b c\\n'", set()),
  ],
  ids=[
    "data",
    "package",
    "member",
    "module",
    "inner",
    "string",
    "tool",
    "f-string",
    "code",
    "path",
    "glob",
    "nothing",
  ],
)
def test_imports_and_names_in_strings_are_followed(tmp_path, name, text, found):
  assert sources(tmp_path, {**PACKAGE, name: text}, name) == {"tests/conftest.py", *found}


def test_what_functions_of_a_package_import_counts_only_if_it_is_imported_itself(tmp_path):
  files = {
    "compression/__init__.py": "from compression import a\ndef f():\n  from compression import b",
    "compression/a.py": "",
    "compression/b.py": "",
    "compression/c.py": "def f():\n  from compression import b",
    "tools/through.py": "import compression.a",
    "tools/itself.py": "import compression.a\nimport compression",
    "tools/other.py": "import compression.c",
  }
  a, b, c = (f"compression/{name}.py" for name in "abc")
  package = "compression/__init__.py"
  assert sources(tmp_path, files, "tools/through.py") == {package, a}
  assert sources(tmp_path, files, "tools/itself.py") == {package, a, b}
  assert sources(tmp_path, files, "tools/other.py") == {package, a, b, c}


def test_relative_imports_and_imports_in_a_circle(tmp_path):
  files = {
    "compression/__init__.py": "",
    "compression/a.py": "from .b import c\nfrom . import d",
    "compression/b/__init__.py": "",
    "compression/b/c.py": "from ..a import x\nfrom .. import e\nfrom os import path",
    "compression/d.py": "from compression.a import y",
    "compression/e.py": "",
    "compression/f.py": "",
  }
  assert sources(tmp_path, files, "compression/a.py") == set(files) - {
    "compression/a.py",
    "compression/f.py",
  }


def test_what_only_type_checkers_read_does_not_count_and_what_they_do_not_read_does(tmp_path):
  checking = "if typing.TYPE_CHECKING:\n  import compression.a\nelse:\n  import compression.b"
  files = {
    "compression/__init__.py": "",
    "compression/a.py": "",
    "compression/b.py": "",
    "tools/tool.py": f"import typing\n{checking}",
  }
  expected = {"compression/__init__.py", "compression/b.py"}
  assert sources(tmp_path, files, "tools/tool.py") == expected


def test_data_counts_where_a_test_names_it_and_where_a_module_reads_it(tmp_path):
  files = {
    "compression/__init__.py": "",
    "compression/codecs/model_folders.py": "",
    "models/small/config.json": "{}",
    "models/small/__pycache__/a.pyc": "",
    "tests/a/b_test.py": "x = 'data', 'shared/one.json'",
    "tests/a/data/deep/a.txt": "",
    "tests/a/data/make.py": "",
    "tests/shared/one.json": "",
    "tests/shared/two.json": "",
    "tests/root_test.py": "x = 'models', 'Makefile', 'tests'",
    "Makefile": "",
    "tools/page.css": "",
    "tools/data/x.txt": "",
    "tools/tool.py": "x = 'data', 'page.css'\nfrom compression.codecs import model_folders",
  }
  assert sources(tmp_path, files, "tests/a/b_test.py") == {
    "tests/a/data/deep/a.txt",
    "tests/shared/one.json",
  }
  assert sources(tmp_path, files, "tools/tool.py") == {
    "compression/__init__.py",
    "compression/codecs/model_folders.py",
    "models/small/config.json",
    "tools/page.css",
  }
  assert sources(tmp_path, files, "tests/root_test.py") == {"Makefile", "models/small/config.json"}


def test_scripts_of_the_page_count_where_they_are_run_and_where_they_are_read(tmp_path):
  files = {
    "compression/exporting/web_files.py": "",
    "web/page.js": "",
    "web/.npmrc": "",
    "web/node_modules/a/index.js": "",
    "tests/web/node.py": "x = 'web'",
    "tools/tool.py": "x = 'web'\nimport compression.exporting.web_files",
  }
  assert sources(tmp_path, files, "tests/web/node.py") == {"web/page.js"}
  assert sources(tmp_path, files, "tools/tool.py") == {
    "compression/exporting/web_files.py",
    "web/page.js",
  }


def test_the_registry_looks_through_all_codecs(tmp_path):
  files = {
    "compression/codecs/registry.py": "",
    "compression/codecs/dct.py": "import compression.layers",
    "compression/codecs/deep/net.py": "",
    "compression/layers/__init__.py": "",
  }
  found = sources(tmp_path, files, "compression/codecs/registry.py")
  assert found == set(files) - {"compression/codecs/registry.py"}


def test_a_file_that_is_no_python_yet_is_a_source_and_no_obstacle(tmp_path):
  files = {"compression/a.py": "def f(:", "tools/tool.py": "import compression.a"}
  assert sources(tmp_path, files, "tools/tool.py") == {"compression/a.py"}


PRINT_MODULES = """
import sys, compression.evaluate
print(*(getattr(module, "__file__", None) for module in sys.modules.values()), sep="\\n")
"""


def test_what_a_program_has_imported_is_among_its_sources():
  command = [sys.executable, "-c", PRINT_MODULES]
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
  loaded = {line for line in done.stdout.splitlines() if line.startswith(f"{ROOT}/compression/")}
  found = dependencies.Tree(ROOT).sources("compression/evaluate.py")
  assert len(loaded) > 5 and loaded <= {str(ROOT / file) for file in found}


def test_the_makefile_gets_all_programs_and_tests_and_their_sources(tmp_path):
  program = '\nif __name__ == "__main__":\n  pass'
  write(
    tmp_path,
    {
      "compression/__init__.py": "",
      "compression/a.py": "import compression.b" + program,
      "compression/b.py": "",
      "tools/tool.py": "import compression.b" + program,
      "tests/conftest.py": "KODAK_DIR = 1",
      "tests/examples.py": "from os import environ\na = environ['GOLDEN_DIR']" + program,
      "tests/deep/b_test.py": "import compression.b",
      "tests/deep/kodak_test.py": "def test(kodak_dir): pass",
      "tests/golden_test.py": "import tests.examples",
      "tests/list_test.py": "ROOT.glob('tests/*.py')",
    },
  )
  b = "compression/__init__.py compression/b.py"
  assert dependencies.declarations(tmp_path).splitlines() == [
    "PROGRAMS := compression/a tools/tool",
    f"sources.compression/a := {b}",
    f"sources.tools/tool := {b}",
    "TESTS := tests/deep/b_test tests/deep/kodak_test tests/golden_test tests/list_test",
    f"sources.tests/deep/b_test := {b} tests/conftest.py",
    "sources.tests/deep/kodak_test := tests/conftest.py $(DATA_DIRS)",
    "sources.tests/golden_test := tests/conftest.py tests/examples.py $(DATA_DIRS)",
    "sources.tests/list_test := tests/conftest.py tests/deep/b_test.py tests/deep/kodak_test.py"
    " tests/examples.py tests/golden_test.py",
  ]


def test_nothing_is_run(tmp_path):
  files = {"tools/tool.py": "import pathlib, compression\npathlib.Path('ran').touch()\n1 / 0"}
  files["compression/__init__.py"] = "raise SystemExit(3)"
  assert sources(tmp_path, files, "tools/tool.py") == {"compression/__init__.py"}


def run(folder, *arguments):
  command = [sys.executable, ROOT / "tools/dependencies.py", *arguments]
  return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_program_prints_the_sources_of_all_files_once_and_in_order(tmp_path):
  sources(tmp_path, PACKAGE, "tools/tool.py")
  done = run(tmp_path, "tools/tool.py", "compression/layers/gru.py")
  assert (done.returncode, done.stderr) == (0, "")
  assert done.stdout.splitlines() == [
    "compression/__init__.py",
    "compression/info.py",
    "compression/layers/gru.py",
    "tools/tool.py",
  ]


def test_without_a_file_it_says_what_it_is_for(tmp_path):
  for arguments, status in (([], 2), (["--help"], 0)):
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (status, f"{dependencies.__doc__}\n")


def test_a_file_that_is_not_there_is_one_line(tmp_path):
  done = run(tmp_path, "tools/gone.py")
  assert (done.returncode, done.stdout, done.stderr) == (
    1,
    "",
    "error: tools/gone.py: no such file\n",
  )
