"""The SavedModels of a folder: found, loaded, and run with checked inputs.

    export/encoder/1/saved_model.pb    a model is a folder with a number for each version

The highest version of each model is served, as TensorFlow Serving does by default; it is not
watched whether others appear. A model is loaded by `tf.saved_model.load`, without the code that
wrote it.
"""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from compression.common.errors import ModelError
from compression.serving.errors import Code, RequestError, invalid

DEFAULT_SIGNATURE = "serving_default"
DEFAULT_MODEL_NAME = "default"
"""tensorflow_model_server's, for a single model."""

_FILE = "saved_model.pb"


class Input(NamedTuple):
  """An input of a signature. `default`, if there is one, makes it optional."""

  dtype: tf.DType
  shape: tf.TensorShape
  default: tf.Tensor | None


class Signature:
  """A function of a model: tensors by name -> tensors by name."""

  def __init__(self, definition: meta_graph_pb2.SignatureDef, function: Any):
    self.inputs = {
      name: Input(
        tf.as_dtype(info.dtype),
        tf.TensorShape(info.tensor_shape),
        tf.constant(tf.make_ndarray(definition.defaults[name]))
        if name in definition.defaults
        else None,
      )
      for name, info in sorted(definition.inputs.items())
    }
    self.outputs = sorted(definition.outputs)
    self._function = function

  def predict(
    self, inputs: Mapping[str, np.ndarray], output_filter: Iterable[str] = ()
  ) -> dict[str, np.ndarray]:
    """The outputs, or those that are named in the filter.

    Raises:
      RequestError: if inputs are missing or unknown, have another dtype or shape, or the filter
        names no output.
      tf.errors.OpError: what the graph itself refuses.
    """
    wanted = self._wanted(list(output_filter))
    missing = {name for name, input in self.inputs.items() if input.default is None} - set(inputs)
    extra = set(inputs) - set(self.inputs)
    if missing or extra:
      raise invalid(
        f"inputs do not match the signature. Sent extra: {{{','.join(sorted(extra))}}}. "
        f"Missing but required: {{{','.join(sorted(missing))}}}."
      )
    tensors = {
      name: _tensor(name, expected, inputs[name]) if name in inputs else expected.default
      for name, expected in self.inputs.items()
    }
    outputs = self._function(**tensors)
    return {name: _array(outputs[name]) for name in wanted}

  def _wanted(self, names: list[str]) -> list[str]:
    for name in names:
      if name not in self.outputs:
        raise invalid(
          f"output tensor alias not found in signature: {name} "
          f"Outputs expected to be in the set {{{','.join(self.outputs)}}}."
        )
      if names.count(name) > 1:
        raise invalid(f"duplicate output tensor alias: {name}")
    return names or self.outputs


def _tensor(name: str, expected: Input, value: np.ndarray) -> tf.Tensor:
  dtype = tf.as_dtype(value.dtype)
  if dtype != expected.dtype:
    raise invalid(f"input {name} must be {expected.dtype.name}, but is {dtype.name}")
  if not expected.shape.is_compatible_with(value.shape):
    raise invalid(
      f"input {name} must have the shape {_shown(expected.shape)}, but has {list(value.shape)}"
    )
  return tf.constant(value, expected.dtype)


def _array(tensor: tf.Tensor) -> np.ndarray:
  """Arrays of all ranks; TensorFlow makes Python's or NumPy's scalars of scalars."""
  return np.asarray(tensor.numpy(), tensor.dtype.as_numpy_dtype)


def _shown(shape: tf.TensorShape) -> str:
  """As TensorFlow Serving's metadata shows it: -1 is any."""
  return str([-1 if size is None else size for size in shape])


class Model:
  """A version of a model."""

  def __init__(self, name: str, version: int, folder: pathlib.Path):
    """Loads it.

    Raises:
      ModelError: if that fails.
    """
    self.name = name
    self.version = version
    self.folder = folder
    try:
      self._loaded = tf.saved_model.load(str(folder))  # its variables live as long as it does
      saved = saved_model_pb2.SavedModel.FromString((folder / _FILE).read_bytes())
      (self.graph,) = (g for g in saved.meta_graphs if "serve" in g.meta_info_def.tags)
      self._signatures = {
        key: Signature(self.graph.signature_def[key], function)
        for key, function in self._loaded.signatures.items()
      }
    except Exception as error:  # TensorFlow raises almost anything on a damaged one
      raise ModelError(f"{folder}: cannot be loaded: {error}") from error

  def signature(self, name: str) -> Signature:
    """The signature of that name; `serving_default` if the name is empty.

    Raises:
      RequestError: if there is none.
    """
    name = name or DEFAULT_SIGNATURE
    if name not in self._signatures:
      raise RequestError(
        Code.FAILED_PRECONDITION,
        f'Serving signature key "{name}" not found. There are: {", ".join(self._signatures)}',
      )
    return self._signatures[name]


class Models:
  """All that a server serves.

  Attributes:
    turn: whoever computes for a request holds it; it limits how many do at once, as each takes
      memory.
  """

  def __init__(self, models: Iterable[Model], max_concurrent_requests: int = 1):
    self._models = {model.name: model for model in models}
    self.turn = threading.BoundedSemaphore(max_concurrent_requests)

  def __iter__(self) -> Iterator[Model]:
    return iter(self._models.values())

  def find(self, name: str, version: int | None = None) -> Model:
    """The model; if a version is given, it has to be the one that is served.

    Raises:
      RequestError: if there is no such model or version.
    """
    model = self._models.get(name)
    if model is None or version not in (None, model.version):
      asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
      raise RequestError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
    return model

  def status(self, name: str, version: int | None = None) -> Model:
    """As `find`, with what TensorFlow Serving says to those who ask for a status."""
    try:
      return self.find(name, version)
    except RequestError as error:
      which = "any versions" if version is None else f"version {version}"
      raise RequestError(error.code, f"Could not find {which} of model {name}") from error


def load(base_path: pathlib.Path, name: str | None = None) -> list[Model]:
  """The highest version of each model in a folder, in the order of their names.

  Args:
    base_path: a folder of models, or of the versions of a single one.
    name: what a single one is called.

  Raises:
    ModelError: if there is no model, or one cannot be loaded.
  """
  found = _latest(base_path)
  if found is not None:
    return [Model(name or DEFAULT_MODEL_NAME, *found)]
  if name is not None:
    raise ModelError(f"{base_path}: holds no VERSION/{_FILE} of the model {name}")
  try:
    folders = sorted(folder for folder in base_path.iterdir() if folder.is_dir())
  except OSError as error:
    raise ModelError(f"{base_path}: cannot be read: {error.strerror}") from error
  models = {folder.name: _latest(folder) for folder in folders}
  loaded = [Model(name, *latest) for name, latest in models.items() if latest is not None]
  if not loaded:
    raise ModelError(f"{base_path}: holds no model: no MODEL/VERSION/{_FILE}")
  return loaded


def _latest(folder: pathlib.Path) -> tuple[int, pathlib.Path] | None:
  """The highest version of a model, and its folder."""
  versions = [
    (int(file.parent.name), file.parent)
    for file in folder.glob(f"*/{_FILE}")
    if file.parent.name.isascii() and file.parent.name.isdecimal()
  ]
  return max(versions, default=None)
