"""An object store in this process, for Apache Beam: names without folders, whole objects."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

OBJECTS: dict[str, bytes] = {}
"""What it holds: "mem://bucket/a.png" -> content."""


class _Writer(io.BytesIO):
  """An object comes to be when it is closed."""

  def __init__(self, path: str):
    super().__init__()
    self._path = path

  def close(self) -> None:
    if not self.closed:
      OBJECTS[self._path] = self.getvalue()
    super().close()


class ObjectStore(FileSystem):
  """Objects by name."""

  @classmethod
  def scheme(cls) -> str:
    return "mem"

  def join(self, basepath: str, *paths: str) -> str:
    return "/".join([basepath.rstrip("/"), *paths])

  def split(self, path: str) -> tuple[str, str]:
    head, _, tail = path.rpartition("/")
    return head, tail

  def mkdirs(self, path: str) -> None:
    return

  def has_dirs(self) -> bool:
    return False

  def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
    for path, content in sorted(OBJECTS.items()):
      if path.startswith(dir_or_prefix):
        yield FileMetadata(path, len(content), 0.0)

  def create(self, path: str, *_: Any, **__: Any) -> io.BytesIO:
    return _Writer(path)

  def open(self, path: str, *_: Any, **__: Any) -> io.BytesIO:
    if path not in OBJECTS:
      raise BeamIOError(f"no object {path}")
    return io.BytesIO(OBJECTS[path])

  def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
    for source, destination in zip(source_file_names, destination_file_names):
      OBJECTS[destination] = OBJECTS[source]

  def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
    self.copy(source_file_names, destination_file_names)
    self.delete(source_file_names)

  def exists(self, path: str) -> bool:
    return path in OBJECTS

  def size(self, path: str) -> int:
    return len(OBJECTS[path])

  def last_updated(self, path: str) -> float:
    return 0.0

  def checksum(self, path: str) -> str:
    return str(hash(OBJECTS[path]))

  def metadata(self, path: str) -> FileMetadata:
    return FileMetadata(path, self.size(path), 0.0)

  def delete(self, paths: list[str]) -> None:
    for result in self.match(paths):
      for file in result.metadata_list:
        del OBJECTS[file.path]
