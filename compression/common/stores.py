"""Files by Apache Beam's file systems: local ones, and gs://, s3://, hdfs:// where Beam has them.

Needs the extra `beam`, and Beam's own extras for what is not local. Names are whatever these file
systems give; on local ones they may be bytes that are no text, as `os.fsdecode` has them.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Iterable

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from compression.common.errors import CompressionError, OutputError

PLAIN = {"compression_type": CompressionTypes.UNCOMPRESSED}
"""For `FileSystems.open` and `create`, which else go by the names."""

_HERE = "./"
_BEFORE_MAGIC = re.compile(r"[^[*?]*")  # as `FileSystem.match` has it


def located(pattern: str) -> str:
  """A pattern as Beam wants it: it finds no file by one without a folder."""
  return pattern if "/" in pattern else f"{_HERE}{pattern}"


def name(file: FileMetadata) -> str:
  """The name of a file that a `located` pattern has matched."""
  return file.path.removeprefix(_HERE)


def match(pattern: str, limit: int | None = None) -> list[str]:
  """The names that a pattern matches, `limit` of them at most; `**` goes into folders.

  Raises:
    CompressionError: if they cannot be listed.
  """
  try:
    [result] = FileSystems.match([located(pattern)], None if limit is None else [limit])
  except (OSError, ValueError) as error:  # ValueError: no file system of that name
    raise CompressionError(f"{pattern}: cannot be listed: {_last_line(error)}") from error
  return [name(file) for file in result.metadata_list]


def fixed_folder(pattern: str) -> str:
  """What all names that a pattern matches begin with, up to a slash: "photos/" of "photos/a*"."""
  found = _BEFORE_MAGIC.match(pattern)
  assert found is not None
  return found[0][: found[0].rfind("/") + 1]


def read(path: str) -> bytes:
  """A file's content.

  Raises:
    CompressionError: if it cannot be read; one line.
  """
  try:
    with FileSystems.open(path, **PLAIN) as file:
      return file.read()
  except FileNotFoundError:
    raise CompressionError(f"{shown(path)}: no such file") from None
  except (OSError, ValueError) as error:
    reason = getattr(error, "strerror", None) or error
    raise CompressionError(f"{shown(path)}: cannot be read: {reason}") from error


def exists(path: str) -> bool:
  """Whether there is such a file.

  Raises:
    CompressionError: if that cannot be told.
  """
  try:
    return FileSystems.exists(path)
  except (OSError, ValueError) as error:
    raise CompressionError(f"{shown(path)}: cannot be read: {_last_line(error)}") from error


def is_written(path: str) -> bool:
  """Whether there is a whole output: no program here writes empty ones."""
  with contextlib.suppress(OSError):
    return exists(path) and FileSystems.get_filesystem(path).size(path) > 0
  return False


def is_same(path: str, other: str) -> bool:
  """Whether two names are of one file."""
  with contextlib.suppress(OSError, ValueError):
    return os.path.samefile(path, other)
  return path == other


def write(path: str, data: bytes, folder: str | None = None) -> None:
  """Writes a whole file or none; one of that name is replaced.

  Args:
    folder: where the bytes are until they are all there; by default beside the file.

  Raises:
    OutputError: if it cannot be written.
  """
  unique = uuid.uuid4().hex
  temporary = f"{path}.{unique}" if folder is None else f"{folder}/{unique}"
  try:
    with FileSystems.create(temporary, **PLAIN) as file:
      file.write(data)
    try:
      FileSystems.rename([temporary], [path])
    except OSError:
      make_folder(os.path.dirname(path))
      FileSystems.rename([temporary], [path])
  except (OSError, ValueError) as error:
    with contextlib.suppress(Exception):  # it may not have come to be
      FileSystems.delete([temporary])
    raise OutputError(f"{shown(path)}: cannot be written: {_last_line(error)}") from error


def make_folder(path: str) -> None:
  """Makes a folder with all above it, if need be; object stores have none.

  Raises:
    OutputError: if it cannot be made.
  """
  try:
    if not FileSystems.exists(path):
      with contextlib.suppress(FileExistsError):  # by another process, meanwhile
        FileSystems.mkdirs(path)
  except (OSError, ValueError) as error:
    if FileSystems.exists(path):
      return
    raise OutputError(f"{shown(path)}: cannot be made: {_last_line(error)}") from error


def delete(paths: Iterable[str]) -> None:
  """Removes files; raises OSError."""
  paths = list(paths)
  if paths:
    FileSystems.delete(paths)


def delete_folder(path: str) -> None:
  """Removes a folder, if there is one, in which there are no others.

  Raises:
    OutputError: if it cannot be removed.
  """
  try:
    delete(match(f"{path}/*"))  # object stores have no folders
    if FileSystems.exists(path):
      delete([path])
  except OSError as error:
    raise OutputError(f"{shown(path)}: cannot be removed: {_last_line(error)}") from error


def shown(path: str) -> str:
  """A name in a message: it may hold line breaks, and bytes that are no text."""
  return repr(path)[1:-1]


def _last_line(error: Exception) -> str:
  if isinstance(error, BeamIOError) and error.exception_details:
    error = next(iter(error.exception_details.values()), error)
  return (str(error).strip().splitlines() or [type(error).__name__])[-1]
