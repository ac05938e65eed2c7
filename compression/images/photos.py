"""Photos from files and back: whatever Pillow can read becomes uint8 RGB, and RGB becomes PNG.

Nothing here needs TensorFlow. Everything that the codec cannot keep (transparency, 16 bits, other
colour spaces, more frames) is resolved in a way that a note states, mostly by `pixels`. A file that
is cut short or fails its format's own checks is refused, never read in part.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError, _imaging

from compression.common import files
from compression.common.errors import ImageError
from compression.images import jpeg_ends, kinds, pixels, png_chunks

_JPEG = b"\xff\xd8\xff"

MAX_SIDE = 65535  # what 16 bits hold
MAX_PIXELS = 2**30  # six times Pillow's own limit; 3 GiB of RGB, and Pillow needs 4 GiB to decode

# Pillow opens these and cannot or should not decode them: EPS would run Ghostscript on the file.
_UNREADABLE_FORMATS = frozenset({"EPS", "MPEG"})


class Photo(NamedTuple):
  """An image as the codec takes it.

  image: uint8 [H, W, 3], sRGB.
  notes: what was done to the file's content beyond decoding it, one phrase each.
  """

  image: np.ndarray
  notes: tuple[str, ...]


def read_photo(source: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> Photo:
  """The first frame of an image file, upright, opaque, 8 bits, sRGB.

  Args:
    source: a path, or a binary file object, which is read from its start and left open.
    name: what messages call the source; its path by default.

  Returns:
    A Photo of an array that may be written to. Its notes say what was changed:
      - the orientation that its EXIF data tell, or its XMP data, is applied;
      - colours are converted to sRGB, by the colour profile or what else tells of them (`colours`);
      - transparency is composited on white;
      - 16-bit values are scaled, 0..65535 to 0..255;
      - 32-bit integers that do not fit 16 bits, and floating-point values other than 0..1 or whole
        numbers, are scaled from their own range;
      - of several frames the first is taken;
      - an end that is missing behind all pixels is made up for.

  Raises:
    ImageError: if the source cannot be read, is no image or of a kind that is not read
      (`kinds`), is damaged or cut short, has a side over MAX_SIDE or more than MAX_PIXELS pixels.
      One line, which begins with the name.
  """
  if isinstance(source, (str, os.PathLike)):
    name = _one_line(name or os.fsdecode(source))
    try:
      with open(source, "rb") as file:
        return read_photo(file, name)
    except IsADirectoryError as error:
      raise ImageError(f"{name}: is a directory") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # or a zero in the name
      raise ImageError(f"{name}: no such file") from error
    except OSError as error:
      raise ImageError(f"{name}: cannot be read: {error.strerror}") from error
  name = _one_line(name or str(getattr(source, "name", "image")))
  try:
    if not getattr(source, "seekable", lambda: False)():  # a pipe; Pillow goes back and forth
      source = io.BytesIO(source.read())
    source.seek(0)
    empty = not source.read(1)
  except OSError as error:
    raise ImageError(f"{name}: cannot be read: {error.strerror or error}") from error
  if empty:
    raise ImageError(f"{name}: is empty")
  with contextlib.ExitStack() as stack:
    stack.enter_context(_silence)
    return _read(source, name, stack)


def read_photos(names: Sequence[str], warn: Callable[[str], None]) -> Iterator[tuple[str, Photo]]:
  """Yields the name and the photo of each file that is one; `warn` gets a line for each other.

  Raises:
    ImageError: at the end, if none is.
  """
  first, count = "", 0
  for name in names:
    try:
      photo = read_photo(name)
    except ImageError as error:
      first = first or str(error)
      count += 1
      if len(names) > 1:
        warn(f"{error}; left out")
      continue
    yield name, photo
  if names and count == len(names):
    raise ImageError(f"{first}; and {count - 1} more" if count > 1 else first)


def plain_file(source: BinaryIO, name: str) -> tuple[bytes, tuple[str, ...]]:
  """A file of a photo in which every reader sees the pixels that `read_photo` gives, and its notes.

  That is the file itself if it is PNG or JPEG and nothing in it wants to be applied; else a PNG of
  the pixels.

  Raises:
    ImageError: as `read_photo`.
  """
  photo = read_photo(source, name)
  source.seek(0)
  data = source.read()
  if not photo.notes and data.startswith((png_chunks.SIGNATURE, _JPEG)):
    return data, ()
  return encode_png(photo.image), photo.notes


def write_png(path: str | os.PathLike[str], image: np.ndarray, overwrite: bool = False) -> None:
  """Writes uint8 [H, W, 3] as a PNG file, whole or not at all.

  Raises:
    ImageError: if `image` is not such an array.
    OutputError: if `path` exists and `overwrite` is false, or cannot be written.
  """
  image = check_image(image)
  files.check_output(path, overwrite)  # before the work of encoding
  content = encode_png(image)
  with files.atomic_write(path, overwrite=overwrite) as file:
    file.write(content)


def encode_png(image: np.ndarray) -> bytes:
  """The PNG file of uint8 [H, W, 3]: 8-bit RGB, without metadata.

  Raises:
    ImageError: if `image` is not such an array.
  """
  buffer = io.BytesIO()
  Image.fromarray(np.ascontiguousarray(check_image(image))).save(buffer, "PNG")
  return buffer.getvalue()


def check_image(image: Any) -> np.ndarray:
  """Refuses what is not an image; returns it as a NumPy array, not copied where it is one.

  Args:
    image: uint8 [H, W, 3] with H, W >= 1; an array, a tensor or a Pillow image.

  Raises:
    ImageError: if it is anything else. Nothing is converted: a float image has to be scaled and
      rounded by those who know its range.
  """
  try:
    array = np.asarray(image)
  except ValueError as error:  # nested lists of different lengths
    raise ImageError(
      f"an image is a uint8 array [height, width, 3]. Received: {type(image).__name__}, {error}"
    ) from error
  if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
    raise ImageError(
      "an image is a uint8 array [height, width, 3] with sides of at least 1. "
      f"Received: shape {array.shape}, dtype {array.dtype}"
    )
  return array


class _Shared:
  """A change of global state, in force while at least one thread is inside.

  The first to enter makes it and the last to leave undoes it. `warnings.catch_warnings` and plain
  saving and restoring both lose the original where two threads overlap.
  """

  def __init__(self, change: Callable[[], Callable[[], None]]):
    self._change = change  # makes the change and returns what undoes it
    self._lock = threading.Lock()
    self._users = 0

  def __enter__(self) -> None:
    with self._lock:
      if not self._users:
        self._undo = self._change()
      self._users += 1

  def __exit__(self, *_: object) -> None:
    with self._lock:
      self._users -= 1
      if not self._users:
        self._undo()


def _silence_pillow() -> Callable[[], None]:
  warnings.filterwarnings("ignore", module=r"PIL\.")
  entry = warnings.filters[0]
  # libtiff, which Pillow has linked in, prints its errors; they come as exceptions as well.
  set_handler = handler = None
  with contextlib.suppress(AttributeError, OSError):  # it cannot be reached on every system
    set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    handler = set_handler(None)

  def undo() -> None:
    if set_handler is not None:
      set_handler(handler)
    with contextlib.suppress(ValueError):  # somebody has set all filters anew
      warnings.filters.remove(entry)  # type: ignore[attr-defined]

  return undo


def _raise_pillow_limit() -> Callable[[], None]:
  before, ours = Image.MAX_IMAGE_PIXELS, MAX_PIXELS // 2  # Pillow refuses at twice its value
  Image.MAX_IMAGE_PIXELS = ours

  def undo() -> None:
    if Image.MAX_IMAGE_PIXELS == ours:  # else the host program has set it meanwhile
      Image.MAX_IMAGE_PIXELS = before

  return undo


_silence = _Shared(_silence_pillow)
_large_images = _Shared(_raise_pillow_limit)


def _one_line(name: str) -> str:
  """A name for messages: line breaks, control characters and undecodable bytes are escaped."""
  return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


@contextlib.contextmanager
def _decoding(name: str, file: BinaryIO) -> Iterator[None]:
  """Turns what Pillow raises into an ImageError.

  Pillow's readers raise nearly anything on damaged files (OSError, SyntaxError, ValueError,
  struct.error, zlib.error, IndexError and more), so there is no shorter list to catch.
  """
  try:
    yield
  except ImageError:
    raise
  except Image.DecompressionBombError as error:
    raise ImageError(f"{name}: has more than {MAX_PIXELS} pixels, which is the limit") from error
  except UnidentifiedImageError as error:
    kind = kinds.description(file) or "not an image that can be read"
    raise ImageError(f"{name}: {kind}") from error
  except MemoryError as error:
    raise ImageError(f"{name}: too large for this machine's memory") from error
  except Exception as error:
    raise ImageError(f"{name}: the image is cut short or damaged") from error


def _read(file: BinaryIO, name: str, stack: contextlib.ExitStack) -> Photo:
  """`read_photo` of an open, seekable, non-empty file; `stack` closes what stays open meanwhile."""
  with _decoding(name, file):
    refusal = kinds.refusal(file)
    if refusal is not None:
      raise ImageError(f"{name}: {refusal}")
    file.seek(0)
    sifted = None
    if file.read(len(png_chunks.SIGNATURE)) == png_chunks.SIGNATURE:
      sifted = png_chunks.sift(file)
    opened = _open(file if sifted is None else sifted.file, stack)
    width, height = opened.size
    if max(width, height) > MAX_SIDE:
      raise ImageError(f"{name}: is {width} x {height}; no side may be longer than {MAX_SIDE}")
    if width * height > MAX_PIXELS:
      raise ImageError(f"{name}: has more than {MAX_PIXELS} pixels, which is the limit")
    if opened.format in _UNREADABLE_FORMATS or isinstance(opened, ImageFile.StubImageFile):
      raise ImageError(f"{name}: not an image that can be read ({opened.format})")
    if sifted is not None:
      again = functools.partial(_open, sifted.file, stack)
      image, notes = pixels.decode(opened, sifted.colours, sifted.depth, again)
      notes += sifted.notes
    elif opened.format in ("JPEG", "MPO"):
      image, notes = _decode_jpeg(file, opened, stack)
    else:
      image, notes = pixels.decode(opened, {})
    if _has_more_frames(opened) or (sifted is not None and sifted.animated):
      notes.append("first frame only")
    return Photo(image, tuple(notes))


def _decode_jpeg(
  file: BinaryIO, opened: ImageFile.ImageFile, stack: contextlib.ExitStack
) -> tuple[np.ndarray, list[str]]:
  """As `pixels.decode`, also where nothing but the end marker is missing."""
  try:
    return pixels.decode(opened, {})
  except OSError:  # it ends too early
    file.seek(0)
    whole = jpeg_ends.completed(file.read())
    if whole is None:
      raise
    image, notes = pixels.decode(_open(io.BytesIO(whole), stack), {})
    return image, [*notes, "its end is missing, behind all pixels"]


def _open(file: BinaryIO, stack: contextlib.ExitStack) -> ImageFile.ImageFile:
  """Reads the header. Only for images over the host program's own limit is that one raised."""
  try:
    return Image.open(file)
  except Image.DecompressionBombError:
    stack.enter_context(_large_images)
    return Image.open(file)


def _has_more_frames(image: Image.Image) -> bool:
  if image.format == "PSD":  # its further "frames" are layers, which the first shows merged
    return False
  try:
    return getattr(image, "is_animated", False)
  except Exception:  # noqa: BLE001  a broken second frame leaves the first as it is
    return True
