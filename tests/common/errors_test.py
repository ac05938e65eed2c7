"""One base class for all that is wrong with an input, and messages of one line."""

from __future__ import annotations

import ast
import inspect
import pathlib
import pickle

import pytest

import compression
from compression.codecs.base import MissingCodecError
from compression.common import errors
from compression.common.errors import CompressionError
from compression.common.workers import KilledError
from compression.metrics.curves import CurveError

PACKAGE = pathlib.Path(errors.__file__).parents[1]

CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind)}
SPECIAL = {
  "MissingCodecError": MissingCodecError,
  "CurveError": CurveError,
  "KilledError": KilledError,
}

# What is no input: a command line, a request to a server, what HTTP is wrong about; and no error.
OTHERS = {"UsageError", "Skip", "RequestError", "_HttpError"}


@pytest.mark.parametrize("name", CLASSES)
def test_callers_find_each_at_the_top_and_catch_it_by_the_base_class(name):
  assert getattr(compression, name) is CLASSES[name] and name in compression.__all__
  with pytest.raises(compression.CompressionError, match="^a.png: is damaged$"):
    raise CLASSES[name]("a.png: is damaged")


def test_numbers_that_are_out_of_range_are_value_errors_as_python_has_them():
  values = {name for name, kind in CLASSES.items() if issubclass(kind, ValueError)}
  assert values == {"RangeError"}


@pytest.mark.parametrize("kind", [*CLASSES.values(), *SPECIAL.values()])
def test_they_come_back_from_another_process_as_they_were(kind):
  error = pickle.loads(pickle.dumps(kind("a.png: is damaged")))
  assert type(error) is kind and str(error) == "a.png: is damaged"


def test_the_package_has_no_other_exceptions_for_bad_input():
  found = {
    node.name
    for path in PACKAGE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.ClassDef)
    and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
  }
  assert found == {*CLASSES, *SPECIAL, *OTHERS}
  assert all(issubclass(kind, CompressionError) for kind in SPECIAL.values())


def test_every_message_is_one_line():
  count = 0
  for path in sorted(PACKAGE.rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
      if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
        continue
      if ast.unparse(node.exc.func).rpartition(".")[2] not in {*CLASSES, *SPECIAL}:
        continue
      (message,) = node.exc.args
      texts = [part.value for part in ast.walk(message) if isinstance(part, ast.Constant)]
      where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
      assert not any("\n" in text for text in texts if isinstance(text, str)), where
      count += 1
  assert count > 100
