"""Names and files -> codecs. A codec is registered once, where its class is.

    @register                     a class that is made without arguments
    @register_models("NAME")      a class whose codecs are folders with weights: their config.json
                                  says `"codec": "NAME"`

Every module of this package is looked through, and every entry point of the group
`compression.codecs` that another package brings; `my_codec.py:MyCodec` is a class in a file.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import pathlib
import pkgutil
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import compression.codecs
from compression.codecs import model_folders
from compression.codecs.base import Codec, MissingCodecError, ModelCodec, Options
from compression.common.errors import CompressionError, FormatError, ModelError

ENTRY_POINTS = "compression.codecs"

_INFRASTRUCTURE = ("base", "model_folders", "qualities", "registry", "strips", "targets")
_Class = TypeVar("_Class", bound="type[Codec]")
_Models = TypeVar("_Models", bound="type[ModelCodec]")

_codecs: dict[str, Callable[[], Codec]] = {}
_model_codecs: dict[str, type[ModelCodec]] = {}


def register(codec: _Class) -> _Class:
  """Brings the class of a codec, which is made without arguments, into all programs."""
  register_as(codec.name, codec)
  return codec


def register_as(name: str, make: Callable[[], Codec]) -> None:
  """Brings a codec into all programs: one of several that a class can make.

  Raises:
    CompressionError: if another one has that name.
  """
  if _codecs.setdefault(name, make) is not make:
    raise CompressionError(f"two codecs are called {name}")


def register_models(kind: str) -> Callable[[_Models], _Models]:
  """Lets folders of models be codecs of this class, if their config.json names `kind`."""

  def add(codec: _Models) -> _Models:
    _model_codecs[kind] = codec
    return codec

  return add


def names() -> list[str]:
  """All that `find` knows, installed or not: the released models first."""
  return [*model_folders.names(), *_all_codecs(), *_entry_points()]


def find(name: str | os.PathLike[str], options: Options = Options()) -> Codec:  # noqa: B008
  """The codec of that name.

  Args:
    name: one of `names()`, the folder of a model, or FILE.py:CLASS.
    options: what the codec takes of what a user may choose.

  Raises:
    MissingCodecError: if it is known, but not installed.
    ModelError, ConfigError: if there is no such codec, or the model is damaged.
  """
  text = os.fspath(name)
  if text in _all_codecs():
    codec = _codecs[text]()
  elif text in _entry_points():
    codec = _made(_load_entry_point(_entry_points()[text]), text)
  elif ".py:" in text:
    codec = _made(_class_in_file(text), text)
  else:
    codec = _of_model(text)
  codec.configure(options)
  return codec


@functools.cache
def find_once(name: str, options: Options) -> Codec:
  """As `find`, but one codec for all who ask in this process: its weights are read once."""
  return find(name, options)


def find_all(
  wanted: Sequence[str],
  options: Options = Options(),  # noqa: B008
) -> tuple[dict[str, Codec], list[str]]:
  """The codecs of a list, those that are not installed left out.

  Returns:
    What to call each in `find` -> the codec, and a line for each that is missing.

  Raises:
    CompressionError: if none is left, two would have the same rows, or as `find`.
  """
  found: dict[str, Codec] = {}
  missing = []
  for name in dict.fromkeys(wanted):
    try:
      codec = find(name, options)
    except MissingCodecError as error:
      missing.append(str(error))
      continue
    if codec.name in {other.name for other in found.values()}:
      raise CompressionError(f"{name}: another of the codecs is called {codec.name}, too")
    found[name] = codec
  if not found:
    raise CompressionError(f"no codec is left: {'; '.join(missing)}")
  return found, missing


def of_file(data: bytes, options: Options = Options()) -> Codec:  # noqa: B008
  """The codec that made a file, with the weights that it was made with.

  Raises:
    FormatError: if no codec that is installed knows such bytes.
    ModelError: if it was made with a model that is not installed.
  """
  found = kind_of_file(data)
  if isinstance(found, type):
    return _opened(found, found.model_of(data), options)
  found.configure(options)
  return found


@functools.lru_cache(maxsize=2)
def _opened(kind: type[ModelCodec], model: model_folders.Model, options: Options) -> Codec:
  """A codec with its weights, which are read once for many files."""
  codec = kind(model)
  codec.configure(options)
  return codec


def kind_of_file(data: bytes) -> Codec | type[ModelCodec]:
  """The codec that made a file; of codecs that learned the class, whatever its weights.

  Raises:
    FormatError: if no codec that is installed knows such bytes.
  """
  _discover()
  for kind in _model_codecs.values():
    if kind.recognises(data):  # type: ignore[call-arg, arg-type]  # a class method there
      return kind
  for make in [*_codecs.values(), *_loaded_entry_points()]:
    try:
      codec = make()
    except CompressionError:  # not installed, or broken
      continue
    if codec.recognises(data):
      return codec
  raise FormatError(f"no codec knows such a file: it starts with {bytes(data[:4])!r}")


def _of_model(text: str) -> Codec:
  try:
    model = model_folders.find(text)
  except ModelError as error:
    others = ", ".join([*_all_codecs(), *_entry_points()])
    raise ModelError(f"{error}; other codecs: {others}") from error
  kind = model_folders.codec_of(model)
  _discover()
  if kind not in _model_codecs:
    raise ModelError(f"{model.folder}: is of a codec that is not installed: {kind}")
  return _model_codecs[kind](model)


# Where codecs are.


@functools.cache
def _discover() -> None:
  """Imports every module that stands beside this one, and the module `codec` of every folder."""
  for module in pkgutil.iter_modules(compression.codecs.__path__):
    if module.name not in _INFRASTRUCTURE:
      name = f"compression.codecs.{module.name}"
      importlib.import_module(f"{name}.codec" if module.ispkg else name)


def _all_codecs() -> dict[str, Callable[[], Codec]]:
  _discover()
  return _codecs


@functools.cache
def _entry_points() -> dict[str, Any]:
  """Name -> entry point, of the packages that are installed."""
  points: Any = importlib.metadata.entry_points()
  chosen: Iterable[Any]
  if hasattr(points, "select"):
    chosen = points.select(group=ENTRY_POINTS)
  else:  # Python 3.9
    chosen = points.get(ENTRY_POINTS, ())
  return {point.name: point for point in chosen}


def _load_entry_point(point: Any) -> Any:
  try:
    return point.load()
  except Exception as error:  # whatever the other package raises
    message = f"{point.name}: {point.value} cannot be loaded: {_in_a_line(error)}"
    raise CompressionError(message) from error


def _loaded_entry_points() -> list[Callable[[], Codec]]:
  """Those that can be loaded: a broken package must not hide a file that others can read."""
  makers: list[Callable[[], Codec]] = []
  for name, point in _entry_points().items():
    try:
      makers.append(functools.partial(_made, _load_entry_point(point), name))
    except CompressionError:
      continue
  return makers


def _class_in_file(text: str) -> Any:
  """The class that FILE.py:CLASS names."""
  file, _, name = text.rpartition(":")
  path = pathlib.Path(file)
  if not path.is_file():
    raise ModelError(f"{file}: no such file")
  try:
    module = _executed(path.resolve(), path.stat().st_mtime_ns)
  except Exception as error:  # whatever the file raises
    raise CompressionError(f"{file}: {_in_a_line(error)}") from error
  if not hasattr(module, name):
    raise ModelError(f"{file}: has no {name}")
  return getattr(module, name)


class _Uncached(importlib.machinery.SourceFileLoader):
  """Neither leaves a folder of bytecode beside a user's file, nor takes an old one for it."""

  def get_code(self, fullname: str) -> types.CodeType:
    path = self.get_filename(fullname)
    return self.source_to_code(self.get_data(path), path)


@functools.lru_cache(maxsize=16)
def _executed(path: pathlib.Path, changed: int) -> types.ModuleType:
  """A file as a module, executed once until it changes: it may register its codecs, too."""
  name = f"_codec_{path.stem}"
  spec = importlib.util.spec_from_file_location(name, path, loader=_Uncached(name, str(path)))
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  sys.modules[spec.name] = module  # where dataclasses, for one, look for the module of a class
  spec.loader.exec_module(module)
  return module


def _made(kind: Any, text: str) -> Codec:
  """A codec of a class from elsewhere, once it is clear that it is one."""
  if not (isinstance(kind, type) and issubclass(kind, Codec)):
    raise CompressionError(f"{text}: is no class that derives from compression.codecs.base.Codec")
  try:
    codec = kind()
  except CompressionError:
    raise
  except Exception as error:  # whatever the class raises
    raise CompressionError(f"{text}: {_in_a_line(error)}") from error
  for attribute in ("name", "settings"):
    if not getattr(codec, attribute, None):
      raise CompressionError(f"{text}: has no {attribute}")
  return codec


def _in_a_line(error: Exception) -> str:
  return f"{type(error).__name__}: {error}".split("\n")[0]
