"""The rooms of `compression`: imports point down, never in a circle, and doors are not walls.

    tools
    programs         compression/*.py, and `import compression`, for users
    reporting, exporting, serving, archives
    evaluation
    training
    codecs           each its own room, but for those that serve all: _SERVES_CODECS
    datasets
    entropy
    images, metrics, layers, formats
    common

A module may import from its own room and from the floors below it. That counts every import, also
those in functions and those for type checkers. `registry` finds the codecs by looking through their
folder, so that it imports none of them.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

_SERVES_CODECS = (
  "base",
  "registry",
  "targets",
  "model_folders",
  "qualities",
  "strips",
  "__init__",
)

# What programs share, and so may know their flags.
_KNOWS_FLAGS = ("compression/common/program.py", "compression/common/jobs.py")


def floors() -> list[list[str]]:
  """The rooms of each floor, from the highest floor down, as drawn above."""
  lines = re.findall(r"^    (\w+(?:, \w+)*)", str(__doc__), re.MULTILINE)
  return [line.split(", ") for line in lines]


class Arrow(NamedTuple):
  """An import.

  Attributes:
    source: the file that imports.
    line: where.
    module: the module that is imported: `compression.layers.gru`.
    target: its file; None if it is not of this project.
  """

  source: str
  line: int
  module: str
  target: str | None

  def __str__(self) -> str:
    return f"{self.source}:{self.line} imports {self.module}"


def arrows(root: pathlib.Path) -> list[Arrow]:
  """All imports in `compression` and `tools`; no module imports relatively."""
  result = []
  for path in sorted([*root.glob("compression/**/*.py"), *root.glob("tools/**/*.py")]):
    source = path.relative_to(root).as_posix()
    for node in ast.walk(ast.parse(path.read_text("utf-8"), source)):
      if isinstance(node, ast.Import):
        names = [(alias.name,) for alias in node.names]
      elif isinstance(node, ast.ImportFrom):
        assert node.level == 0 and node.module, f"{source}:{node.lineno} imports relatively"
        names = [(f"{node.module}.{alias.name}", node.module) for alias in node.names]
      else:
        continue
      for known in names:
        found = [(name, _file(root, name)) for name in known]
        name, target = next((pair for pair in found if pair[1]), found[0])
        result.append(Arrow(source, node.lineno, name, target))
  return result


def _file(root: pathlib.Path, module: str) -> str | None:
  base = module.replace(".", "/")
  return next((f for f in (f"{base}.py", f"{base}/__init__.py") if (root / f).is_file()), None)


def room(file: str) -> str:
  """Where a file is; codecs are rooms of their own: `codecs/pillow`."""
  parts = pathlib.PurePosixPath(file).with_suffix("").parts
  if parts[0] != "compression":
    return parts[0]
  if len(parts) == 2:
    return "programs"
  if parts[1] == "codecs" and parts[2] not in _SERVES_CODECS:
    return f"codecs/{parts[2]}"
  return parts[1]


def floor(name: str) -> int:
  """The number of the floor of a room, from below; 0 for rooms that are not drawn."""
  for number, rooms in enumerate(reversed(floors()), start=1):
    if name.partition("/")[0] in rooms:
      return number
  return 0


def upward(found: Sequence[Arrow]) -> list[str]:
  """The imports from a room on the same floor or a higher one."""
  wrong = []
  for arrow in found:
    here, there = room(arrow.source), room(arrow.target) if arrow.target else ""
    serves = there == "codecs" and here.startswith("codecs/")
    if arrow.target and here != there and not serves and floor(here) <= floor(there):
      wrong.append(f"{arrow}: from {here} up to {there}")
  return wrong


def circles(found: Sequence[Arrow]) -> list[str]:
  """The imports that lead back to where they are: between the files of a room, too."""
  below: dict[str, set[str]] = {}
  found = [arrow for arrow in found if arrow.target]
  for arrow in found:
    below.setdefault(arrow.source, set()).add(str(arrow.target))
  reached: dict[str, set[str]] = {}
  for start in below:
    left, reached[start] = [start], set()
    while left:
      new = below.get(left.pop(), set()) - reached[start]
      reached[start] |= new
      left += new
  return [str(arrow) for arrow in found if arrow.source in reached.get(str(arrow.target), set())]


def misplaced(root: pathlib.Path) -> list[str]:
  """What is in the root of `compression` and no program, and folders that are not drawn."""
  wrong = []
  for path in sorted(root.glob("compression/*")):
    name = path.relative_to(root).as_posix()
    if path.is_dir():
      if any(path.rglob("*.py")) and not floor(path.name):
        wrong.append(f"{name}: on which floor is it?")
    elif path.name != "__init__.py" and (
      path.suffix != ".py" or '\nif __name__ == "__main__":' not in path.read_text("utf-8")
    ):
      wrong.append(f"{name}: is no program")
  return wrong


def strangers(found: Sequence[Arrow]) -> list[str]:
  """Flags that are not a program's, and mocks that are not a test's."""
  return [
    str(arrow)
    for arrow in found
    if (
      arrow.module.partition(".")[0] == "absl"
      and room(arrow.source) not in ("programs", "tools")
      and arrow.source not in _KNOWS_FLAGS
    )
    or re.match(r"(unittest\.)?mock\b", arrow.module)
    or arrow.module.partition(".")[0] in ("tests", "pytest")
  ]


@pytest.fixture(scope="module")
def found() -> list[Arrow]:
  """The imports of this project."""
  return arrows(ROOT)


@pytest.mark.parametrize("check", [upward, circles, strangers])
def test_no_import_is_wrong(
  check: Callable[[Sequence[Arrow]], list[str]], found: list[Arrow]
) -> None:
  assert len(found) > 100
  wrong = check(found)
  assert not wrong, "\n" + "\n".join(wrong)


def test_the_root_holds_programs_and_all_rooms_are_drawn() -> None:
  wrong = misplaced(ROOT)
  assert not wrong, "\n" + "\n".join(wrong)
  rooms = [name for rooms in floors() for name in rooms]
  folders = {path.parent.name for path in ROOT.glob("compression/*/__init__.py")}
  assert sorted(rooms) == sorted({*folders, "programs", "tools"})


def write(root: pathlib.Path, files: dict[str, str]) -> None:
  for name, text in files.items():
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


HOUSE = {
  "compression/__init__.py": "def load():\n  from compression.codecs import registry",
  "compression/see.py": "from absl import flags\nimport compression.formats.a\n\n"
  'if __name__ == "__main__":\n  pass\n',
  "compression/common/__init__.py": "",
  "compression/common/errors.py": "import os, numpy",
  "compression/common/program.py": "from absl import flags",
  "compression/formats/__init__.py": "from compression.formats.a import X",
  "compression/formats/a.py": "from compression.common.errors import Error",
  "compression/images/__init__.py": "",
  "compression/codecs/__init__.py": "",
  "compression/codecs/base.py": "import compression.common.errors",
  "compression/codecs/registry.py": "from compression.codecs import base",
  "compression/codecs/one.py": "from compression.codecs import base, registry",
  "compression/codecs/two/__init__.py": "",
  "compression/codecs/two/parts.py": "import compression.formats",
  "compression/codecs/two/whole.py": "from compression.codecs.two import parts",
  "tools/tool.py": "from absl import flags\nimport compression.see",
}


FLAGS = "from absl import flags"
CHECKING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  "


@pytest.mark.parametrize(
  "check, file, text, message",
  [
    (upward, "common/errors.py", "import compression.formats.a", "common up to formats"),
    (upward, "common/x.py", "def f():\n  from compression import codecs", "common up to codecs"),
    (upward, "formats/x.py", CHECKING + "import compression.see", "formats up to programs"),
    (upward, "formats/x.py", "import compression", "formats up to programs"),
    (upward, "images/x.py", "import os, compression.formats", "images up to formats"),
    (upward, "see.py", "from tools import tool", "programs up to tools"),
    (upward, "codecs/one.py", "import compression.codecs.two.parts", "codecs/one up to codecs/two"),
    (upward, "codecs/base.py", "from compression.codecs import one", "codecs up to codecs/one"),
    (circles, "formats/a.py", "def f():\n  from compression import formats", "a.py:2 imports"),
    (circles, "codecs/two/parts.py", "import compression.codecs.two.whole", "parts.py:1 imports"),
    (strangers, "images/x.py", FLAGS, "x.py:1 imports absl"),
    (strangers, "common/x.py", "import absl.flags", "x.py:1 imports absl.flags"),
    (strangers, "images/x.py", "from unittest import mock", "x.py:1 imports unittest.mock"),
    (strangers, "see.py", "from unittest.mock import patch", "see.py:1 imports unittest.mock"),
    (strangers, "see.py", "from tests import programs", "see.py:1 imports tests.programs"),
  ],
)
def test_wrong_imports_are_found_and_no_others(
  check: Callable[[Sequence[Arrow]], list[str]],
  file: str,
  text: str,
  message: str,
  tmp_path: pathlib.Path,
) -> None:
  write(tmp_path, HOUSE)
  assert check(arrows(tmp_path)) == []
  write(tmp_path, {f"compression/{file}": text})
  wrong = check(arrows(tmp_path))
  assert wrong and any(message in line for line in wrong), wrong


@pytest.mark.parametrize(
  "file, text, message",
  [
    ("helper.py", "def run():\n  pass", "compression/helper.py: is no program"),
    ("page.css", "", "compression/page.css: is no program"),
    ("new/b.py", "", "compression/new: on which floor is it?"),
  ],
)
def test_what_does_not_belong_there_is_found(
  file: str, text: str, message: str, tmp_path: pathlib.Path
) -> None:
  write(tmp_path, HOUSE)
  assert misplaced(tmp_path) == []
  write(tmp_path, {f"compression/{file}": text})
  assert misplaced(tmp_path) == [message]
