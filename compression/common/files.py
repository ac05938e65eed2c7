"""Writing files so that nothing half-written ever stays and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from typing import BinaryIO

from compression.common.errors import OutputError

_PREFIX, _SUFFIX = ".writing-", ".part"
"""Both ends of temporary names, which leave out the name to come: it may be as long as can be."""


def check_output(
  path: str | os.PathLike[str], overwrite: bool, source: str | os.PathLike[str] | None = None
) -> None:
  """Refuses an output that cannot be written, before any work is done for it.

  Args:
    overwrite: whether a file may be replaced. Devices and pipes are no files: they may be written.
    source: the input, which is never written, not even by another name of it.

  Raises:
    OutputError: if `path` exists and `overwrite` is false, is the source, is a directory, has a
      name that is too long, or is in a folder that does not exist or may not be written.
  """
  try:
    target = _target(path)
    if target.is_dir():
      raise OutputError(f"{path}: is a directory")
    if source is not None and _is_same(source, target):
      raise OutputError(f"{path}: is the input, too, which is never written")
    if _is_device(target):
      return
    if target.exists() and not overwrite:
      raise _exists(path)
    if not target.parent.is_dir():
      raise OutputError(f"{path}: there is no folder {pathlib.Path(path).parent}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
      raise OutputError(f"{path}: cannot be written: Permission denied")
    os.lstat(target)  # whether the name is too long, which `exists` leaves out in some versions
  except FileNotFoundError:
    pass
  except (OSError, ValueError) as error:  # a zero in the name
    raise _cannot(path, error) from error


def is_written(path: str | os.PathLike[str]) -> bool:
  """Whether there is a whole output: no program here writes empty ones."""
  with contextlib.suppress(OSError, ValueError):
    return os.path.isfile(path) and os.path.getsize(path) > 0
  return False


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
  """What is written: where `path` is a link, what that points to; links stay.

  Links to what is no file, such as /dev/stdout, may point to what has no name.
  """
  is_link = os.path.islink(path) and not _is_device(pathlib.Path(path))
  return pathlib.Path(os.path.realpath(path) if is_link else path)


def _is_same(source: str | os.PathLike[str], target: pathlib.Path) -> bool:
  try:
    return os.path.samefile(source, target)
  except (OSError, ValueError):
    return False


def _is_device(target: pathlib.Path) -> bool:
  """Whether bytes are written to it as they come: a terminal, a pipe, /dev/null."""
  try:
    mode = os.stat(target).st_mode
  except FileNotFoundError:
    return False
  return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _exists(path: str | os.PathLike[str]) -> OutputError:
  return OutputError(f"{os.fspath(path)}: exists already; --overwrite replaces it")


def _cannot(path: str | os.PathLike[str], error: OSError | ValueError) -> OutputError:
  reason = (isinstance(error, OSError) and error.strerror) or str(error)
  return OutputError(f"{os.fspath(path)}: cannot be written: {reason}")


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
  any error: readers see the old file or the whole new one, never a part. What a link points to is
  written, and not the link; devices and pipes get the bytes at the end.

  Raises:
    OutputError: if `path` exists and `overwrite` is false, or cannot be written.
  """
  check_output(path, overwrite)
  target = _target(path)
  try:
    is_device = _is_device(target)
    folder = None if is_device else target.parent
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
  except OSError as error:
    raise _cannot(path, error) from error
  try:
    with os.fdopen(handle, "wb") as file:
      yield file
    if is_device:
      with open(temporary, "rb") as content, open(target, "wb", buffering=0) as device:
        shutil.copyfileobj(content, device)
      return
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes private files; outputs are ordinary ones
    if overwrite:
      os.replace(temporary, target)
    else:
      _rename_to_new(temporary, target)
  except FileExistsError as error:
    raise _exists(path) from error
  except OSError as error:
    raise _cannot(path, error) from error
  finally:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(temporary)


def _rename_to_new(temporary: str, target: pathlib.Path) -> None:
  """Renames; unlike `os.rename`, fails if the file came to exist meanwhile.

  Raises:
    FileExistsError: if it did.
    OSError: if it cannot be written.
  """
  try:
    os.link(temporary, target)
    return
  except FileExistsError:
    raise
  except OSError:  # exFAT and many drives of networks and clouds have no hard links
    pass
  # The name is taken by an empty file, of which `is_written` knows that it is none.
  os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
  try:
    os.replace(temporary, target)
  except BaseException:
    os.unlink(target)
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
  that other name, `.writing-*.part`. Folders above `path` are made if need be.

  Raises:
    OutputError: as `check_folder`, or if `path` cannot be written.
  """
  path = pathlib.Path(os.path.abspath(path))
  check_folder(path, overwrite, contents)
  make_folder(path.parent)
  temporary = None
  try:
    temporary = tempfile.mkdtemp(dir=path.parent, prefix=_PREFIX, suffix=_SUFFIX)
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
