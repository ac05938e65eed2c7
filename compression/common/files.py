"""Writing files so that nothing half-written ever stays and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Collection, Iterator
from typing import BinaryIO

from compression.common.errors import OutputError


def check_output(path: str | os.PathLike[str], overwrite: bool) -> None:
  """Refuses an output that cannot be written, before any work is done for it.

  Raises:
    OutputError: if `path` exists and `overwrite` is false, is a directory, or its folder does not
      exist.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    raise OutputError(f"{path}: is a directory")
  if path.exists() and not overwrite:
    raise OutputError(f"{path}: exists already; --overwrite replaces it")
  if not path.parent.is_dir():
    raise OutputError(f"{path}: there is no folder {path.parent}")


def make_folder(path: str | os.PathLike[str]) -> pathlib.Path:
  """The folder of that name, made with all above it if need be.

  Raises:
    OutputError: if it cannot be made.
  """
  folder = pathlib.Path(path)
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
  return folder


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[BinaryIO]:
  """A binary file that takes the place of `path` when the block ends without an exception.

  The bytes go to a temporary file in the same folder, which is renamed at the end and removed on
  any error: readers see the old file or the whole new one, never a part.

  Raises:
    OutputError: if `path` exists and `overwrite` is false, or cannot be written.
  """
  check_output(path, overwrite)
  path = pathlib.Path(path)
  try:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
  except OSError as error:
    raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
  try:
    with os.fdopen(handle, "wb") as file:
      yield file
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes private files; outputs are ordinary ones
    if overwrite:
      os.replace(temporary, path)
    else:
      os.link(temporary, path)  # unlike rename, fails if the file came to exist meanwhile
      os.unlink(temporary)
  except FileExistsError as error:
    os.unlink(temporary)
    raise OutputError(f"{path}: exists already; --overwrite replaces it") from error
  except OSError as error:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)
    raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
  except BaseException:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)
    raise


def check_folder(path: str | os.PathLike[str], overwrite: bool, contents: Collection[str]) -> None:
  """Refuses an output folder that cannot be written, before any work is done for it.

  Args:
    contents: the names that such a folder holds. One with anything else in it is not replaced, so
      that a slip of the pen does not cost a folder of photos.

  Raises:
    OutputError: if `path` exists and `overwrite` is false, or is something else than such a folder.
  """
  path = pathlib.Path(path)
  if not os.path.lexists(path):
    return
  if not overwrite:
    raise OutputError(f"{path}: exists already; --overwrite replaces it")
  if path.is_symlink() or not path.is_dir():
    raise OutputError(f"{path}: is not a folder, and so not replaced")
  foreign = sorted(set(os.listdir(path)) - set(contents))
  if foreign:
    raise OutputError(f"{path}: holds {foreign[0]}, and so is not replaced")


@contextlib.contextmanager
def atomic_folder(
  path: str | os.PathLike[str], overwrite: bool, contents: Collection[str]
) -> Iterator[pathlib.Path]:
  """A new folder that takes the place of `path` when the block ends without an exception.

  It is made beside `path` under another name, which is changed at the end; on any error it is
  removed, and an old folder stays as it was. A process that is killed by SIGKILL leaves it under
  that other name, `.NAME.*.part`. Folders above `path` are made if need be.

  Raises:
    OutputError: as `check_folder`, or if `path` cannot be written.
  """
  path = pathlib.Path(os.path.abspath(path))
  check_folder(path, overwrite, contents)
  make_folder(path.parent)
  temporary = None
  try:
    temporary = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    new, old = os.path.join(temporary, "new"), os.path.join(temporary, "old")
    os.mkdir(new)
    yield pathlib.Path(new)
    check_folder(path, overwrite, contents)  # it may have come to exist meanwhile
    if path.exists():
      os.rename(path, old)
    try:
      os.rename(new, path)
    except BaseException:
      if os.path.exists(old):
        os.rename(old, path)
      raise
  except OSError as error:
    raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
  finally:
    if temporary is not None:
      shutil.rmtree(temporary, ignore_errors=True)
