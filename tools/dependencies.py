"""Prints the files of this project that a test or a program is made of: it and all that it imports.

    python tools/dependencies.py tests/formats/rnic_test.py
    python tools/dependencies.py --make

`--make` prints what the Makefile includes: the names of all programs and tests, and their sources.
It reads the imports, runs nothing, and needs nothing but Python. Counted are

*   every import in a module that is imported, also those inside functions;
*   of a package that is only passed through (`compression` in `import compression.common.files`),
    the imports that run then: those outside functions;
*   modules named in a string, as in `[sys.executable, "-m", "compression.compress"]`; an f-string
    that begins with the name of a package and a dot stands for all the modules in it;
*   the data beside a file that it names in a string, and what `READ_AT_RUN_TIME` tells;
*   for a file in `tests`, the `conftest.py` above it, and of its strings: the paths of files and of
    data, the imports in code that another process shall run, and, of patterns that end in `*.py`,
    all modules below that folder, or in the project.
"""

from __future__ import annotations

import ast
import collections
import pathlib
import re
import sys
from collections.abc import Iterator

PACKAGES = ("compression", "tools", "tests")

# What is read that is no Python. (Of WEB, the files; its folder is what npm installed.)
DATA, WEB = "models", "web"

# Module -> the folder that it looks through.
READ_AT_RUN_TIME = {
  "compression/codecs/model_folders.py": DATA,
  "compression/codecs/registry.py": "compression/codecs",
  "compression/exporting/web_files.py": WEB,
}

_PROGRAM = re.compile(r'^if __name__ == "__main__":', re.MULTILINE)
_PATH = re.compile(rf"\b(?:{'|'.join(PACKAGES)})/[\w/]+\.py\b")
_IMPORT = re.compile(rf"^\s*(?:from|import) ((?:{'|'.join(PACKAGES)})\b[\w.]*)", re.MULTILINE)
_DATA_DIR = re.compile(r"KODAK_DIR|GOLDEN_DIR", re.IGNORECASE)

# Below these is nothing, and there are many of them.
_LEAVES = (ast.Name, ast.expr_context, ast.operator, str, int, type(None))

# A file, and what of it counts: all that it says; what runs when it is imported; or just the file.
_Use = tuple[str, str]
_ALL, _IMPORTED, _READ = "all", "imported", "read"


class Tree:
  """The files of a project, and what each is made of; paths are relative to its root."""

  def __init__(self, root: pathlib.Path):
    self._root = root
    found = [path for path in root.iterdir() if path.is_file()]
    for folder in (*PACKAGES, DATA):
      found += [path for path in root.joinpath(folder).rglob("*") if path.suffix != ".pyc"]
    found += root.joinpath(WEB).glob("[!.]*")
    self._files = {path.relative_to(root).as_posix() for path in found if path.is_file()}
    self._below: dict[str, set[str]] = collections.defaultdict(set)
    for file in self._files:
      for parent in pathlib.PurePosixPath(file).parents:
        self._below[str(parent)].add(file)
    self._texts: dict[str, str] = {}
    self._parsed: dict[str, list[tuple[ast.AST, bool]]] = {}
    self._uses: dict[_Use, set[_Use]] = {}

  def modules(self) -> list[str]:
    """All Python files of its packages."""
    return sorted(file for file in self._files if "/" in file and file.endswith(".py"))

  def programs(self) -> list[str]:
    """The modules that can be run."""
    modules = [file for file in self.modules() if not file.startswith("tests/")]
    return [file for file in modules if _PROGRAM.search(self._text(file))]

  def tests(self) -> list[str]:
    """The files with tests."""
    return [file for file in self.modules() if re.fullmatch(r"tests/.*_test\.py", file)]

  def sources(self, path: str) -> set[str]:
    """The sources of a Python file, itself included."""
    return {file for file, _ in self._reach(path)}

  def reads_data_dirs(self, test: str) -> bool:
    """Whether a file with tests looks into the folders that the environment names."""
    files = {file for file, part in self._reach(test) if part != _READ}
    files = {file for file in files if file.startswith("tests/")} - {"tests/conftest.py"}
    return any(_DATA_DIR.search(self._text(file)) for file in files)

  def _reach(self, path: str) -> set[_Use]:
    reached = {(path, _ALL)}
    left = list(reached)
    while left:
      new = self._used_by(left.pop()) - reached
      reached |= new
      left += new
    return reached

  def _text(self, file: str) -> str:
    if file not in self._texts:
      self._texts[file] = (self._root / file).read_text(encoding="utf-8")
    return self._texts[file]

  def _nodes(self, file: str) -> list[tuple[ast.AST, bool]]:
    if file not in self._parsed:
      try:
        self._parsed[file] = list(_nodes(ast.parse(self._text(file), file)))
      except SyntaxError:  # Whoever imports it is told; once it is mended, it is newer than that.
        self._parsed[file] = []
    return self._parsed[file]

  def _used_by(self, use: _Use) -> set[_Use]:
    if use not in self._uses:
      file, part = use
      readable = part != _READ and file.endswith(".py")
      self._uses[use] = set(self._find_uses(file, part)) if readable else set()
    return self._uses[use]

  def _find_uses(self, file: str, part: str) -> Iterator[_Use]:
    package = tuple(file.split("/")[:-1])
    for node, imported in self._nodes(file):
      if part == _IMPORTED and not imported:
        continue
      if isinstance(node, ast.Import):
        for alias in node.names:
          yield from self._import(tuple(alias.name.split(".")))
      elif isinstance(node, ast.ImportFrom):
        module = tuple(node.module.split(".")) if node.module else ()
        if node.level:
          module = package[: len(package) - node.level + 1] + module
        for alias in node.names:
          is_module = self._module((*module, alias.name))
          yield from self._import((*module, alias.name) if is_module else module)
      elif part == _ALL and isinstance(node, ast.JoinedStr):
        yield from self._f_string(node)
      elif part == _ALL and isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from self._string(node.value, file)
    if file in READ_AT_RUN_TIME:
      yield from ((each, _ALL) for each in self._below[READ_AT_RUN_TIME[file]])
    if file.startswith("tests/"):
      for folder in pathlib.PurePosixPath(file).parents:
        if f"{folder}/conftest.py" in self._files:
          yield f"{folder}/conftest.py", _ALL

  def _import(self, name: tuple[str, ...]) -> Iterator[_Use]:
    for length in range(1, len(name) + 1):
      module = self._module(name[:length])
      if module:
        yield module, _ALL if length == len(name) else _IMPORTED

  def _module(self, name: tuple[str, ...]) -> str | None:
    if not name or name[0] not in PACKAGES:
      return None
    base = "/".join(name)
    return next((f for f in (f"{base}.py", f"{base}/__init__.py") if f in self._files), None)

  def _f_string(self, node: ast.JoinedStr) -> Iterator[_Use]:
    first = node.values[0] if node.values else None
    if isinstance(first, ast.Constant) and str(first.value).endswith("."):
      package = str(first.value)[:-1].split(".")
      if package[0] in PACKAGES:
        folder = "/".join(package)
        for file in self._below.get(folder, ()):
          if file.endswith(".py") and file.rpartition("/")[0] == folder:
            yield file, _ALL

  def _string(self, value: str, file: str) -> Iterator[_Use]:
    folder = file.rpartition("/")[0]
    if "." in value and self._module(tuple(value.split("."))):
      yield from self._import(tuple(value.split(".")))
    if not file.startswith("tests/"):
      yield from self._data(f"{folder}/{value}", folders=False)
      return
    yield from self._data(f"{folder}/{value}")
    yield from self._data(f"tests/{value}")
    yield from self._data(value, folders=value in (DATA, WEB))
    for path in _PATH.findall(value):
      if path in self._files:
        yield path, _ALL
    for module in _IMPORT.findall(value):
      yield from self._import(tuple(module.split(".")))
    if value.endswith("*.py"):
      prefix = value.partition("*")[0]
      known = prefix.partition("/")[0] in PACKAGES
      for module in self.modules():
        if module.startswith(prefix) or not known:
          yield module, _READ

  def _data(self, path: str, folders: bool = True) -> Iterator[_Use]:
    """A file that is no module, or all those below a folder."""
    found = {path} if path in self._files else self._below.get(path, ()) if folders else ()
    yield from ((each, _READ) for each in found if "/" not in each or not each.endswith(".py"))


def declarations(root: pathlib.Path) -> str:
  """What the Makefile includes: PROGRAMS, TESTS and, for the NAME of each, sources.NAME."""
  tree = Tree(root)
  lines = []
  for variable, files in (("PROGRAMS", tree.programs()), ("TESTS", tree.tests())):
    names = [file[: -len(".py")] for file in files]
    lines.append(" ".join([variable, ":=", *names]))
    for name, file in zip(names, files):
      found = tree.sources(file)
      data_dirs = ["$(DATA_DIRS)"] if variable == "TESTS" and tree.reads_data_dirs(file) else []
      lines.append(" ".join([f"sources.{name}", ":=", *sorted(found - {file}), *data_dirs]))
  return "\n".join(lines)


def _nodes(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
  """Imports and strings, and whether they run on import; none that only type checkers read."""
  left = [(tree, True)]
  while left:
    node, imported = left.pop()
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Constant)):
      yield node, imported
      continue
    if isinstance(node, ast.JoinedStr):
      yield node, imported
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
      left += [(child, imported) for child in node.orelse]
      continue
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
      imported = False
    for field in node._fields:  # In less time than by ast.iter_child_nodes.
      value = getattr(node, field, None)
      children = value if isinstance(value, list) else (value,)
      left += [(child, imported) for child in children if not isinstance(child, _LEAVES)]


def main(arguments: list[str]) -> int:
  """Prints the sources of all the files that are named, one a line."""
  if not arguments or "--help" in arguments:
    print(__doc__)
    return 0 if arguments else 2
  root = pathlib.Path.cwd()
  if arguments == ["--make"]:
    print(declarations(root))
    return 0
  missing = [argument for argument in arguments if not (root / argument).is_file()]
  if missing:
    print(f"error: {missing[0]}: no such file", file=sys.stderr)
    return 1
  tree = Tree(root)
  for path in sorted(set().union(*(tree.sources(argument) for argument in arguments))):
    print(path)
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
