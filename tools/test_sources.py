"""Prints the files of this project that a test or a program is made of: it and all that it imports.

    python tools/test_sources.py tests/formats/rnic_test.py

Reads the imports, and runs nothing. Counted are

*   every import in a module that is imported, also those inside functions;
*   of a package that is only passed through (`compression` in `import compression.common.files`),
    the imports that run then: those outside functions;
*   modules named in a string, as in `[sys.executable, "-m", "compression.compress"]`; an f-string
    that begins with the name of a package and a dot stands for all the modules in it;
*   for a file in `tests`, the `conftest.py` above it, the programs `tools/*.py` that a string
    mentions, and the data beside it that a string names;
*   what `READ_AT_RUN_TIME` tells.
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
from collections.abc import Iterator

PACKAGES = ("compression", "tools", "tests")

# Module -> the folder with the data that it reads.
READ_AT_RUN_TIME = {"compression/codecs/model_folders.py": "models"}


def sources(path: str, root: pathlib.Path) -> set[str]:
  """The sources of a Python file, itself included; all paths are relative to `root`."""
  walk = _Walk(root)
  walk.visit(root / path)
  return {file.relative_to(root).as_posix() for file in walk.files}


class _Walk:
  """Follows imports from file to file."""

  def __init__(self, root: pathlib.Path):
    self.files: set[pathlib.Path] = set()
    self._root = root
    self._whole: set[pathlib.Path] = set()

  def visit(self, path: pathlib.Path, whole: bool = True) -> None:
    """Adds a file and what it imports; what its functions import only if `whole`."""
    if path in self._whole or (path in self.files and not whole):
      return
    self.files.add(path)
    if whole:
      self._whole.add(path)
    relative = path.relative_to(self._root)
    package = relative.parent.parts
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"), str(path)), whole):
      if isinstance(node, ast.Import):
        for alias in node.names:
          self._import(tuple(alias.name.split(".")))
      elif isinstance(node, ast.ImportFrom):
        module = tuple(node.module.split(".")) if node.module else ()
        if node.level:
          module = package[: len(package) - node.level + 1] + module
        for alias in node.names:
          if self._module((*module, alias.name)):
            self._import((*module, alias.name))
          else:
            self._import(module)
      elif whole and isinstance(node, ast.JoinedStr):
        self._f_string(node)
      elif whole and isinstance(node, ast.Constant) and isinstance(node.value, str):
        self._string(node.value, path)
    if relative.parts[0] == "tests":
      for folder in path.relative_to(self._root).parents:
        if (self._root / folder / "conftest.py").exists():
          self.visit(self._root / folder / "conftest.py")
    if relative.as_posix() in READ_AT_RUN_TIME:
      self._data(self._root / READ_AT_RUN_TIME[relative.as_posix()])

  def _import(self, name: tuple[str, ...]) -> None:
    for length in range(1, len(name) + 1):
      module = self._module(name[:length])
      if module:
        self.visit(module, whole=length == len(name))

  def _module(self, name: tuple[str, ...]) -> pathlib.Path | None:
    if not name or name[0] not in PACKAGES:
      return None
    base = self._root.joinpath(*name)
    for path in (base.with_suffix(".py"), base / "__init__.py"):
      if path.is_file():
        return path
    return None

  def _f_string(self, node: ast.JoinedStr) -> None:
    first = node.values[0] if node.values else None
    if isinstance(first, ast.Constant) and str(first.value).endswith("."):
      package = tuple(str(first.value).split(".")[:-1])
      if package and package[0] in PACKAGES:
        for path in sorted(self._root.joinpath(*package).glob("*.py")):
          self.visit(path)

  def _string(self, value: str, path: pathlib.Path) -> None:
    if "." in value and all(part.isidentifier() for part in value.split(".")):
      if self._module(tuple(value.split("."))):
        self._import(tuple(value.split(".")))
    if path.relative_to(self._root).parts[0] == "tests":
      for tool in re.findall(r"tools/\w+\.py", value):
        if (self._root / tool).is_file():
          self.visit(self._root / tool)
      if re.fullmatch(r"\w[^\0\n]{0,99}", value):
        self._data(path.parent / value)
        self._data(self._root / "tests" / value)

  def _data(self, path: pathlib.Path) -> None:
    if path.is_file() and path.suffix != ".py":
      self.files.add(path)
    elif path.is_dir():
      self.files.update(
        file for file in path.rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")
      )


def _nodes(tree: ast.AST, whole: bool) -> Iterator[ast.AST]:
  """The nodes that run when a module is imported, or all if `whole`; none for type checkers."""
  for node in ast.iter_child_nodes(tree):
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
      for child in node.orelse:
        yield child
        yield from _nodes(child, whole)
      continue
    if not whole and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
      continue
    yield node
    yield from _nodes(node, whole)


def main(arguments: list[str]) -> int:
  """Prints the sources of all the files that are named, one a line."""
  if not arguments or "--help" in arguments:
    print(__doc__)
    return 0 if arguments else 2
  root = pathlib.Path.cwd()
  missing = [argument for argument in arguments if not (root / argument).is_file()]
  if missing:
    print(f"error: {missing[0]}: no such file", file=sys.stderr)
    return 1
  for path in sorted(set().union(*(sources(argument, root) for argument in arguments))):
    print(path)
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
