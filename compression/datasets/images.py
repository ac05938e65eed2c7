"""Photos from files and back: whatever Pillow can read becomes uint8 RGB, and RGB becomes PNG.

Nothing here needs TensorFlow. Everything that the codec cannot keep (transparency, 16 bits, other
colour spaces, more frames) is resolved in a way that a note states. A file that is cut short or
fails its format's own checks is refused, never read in part.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError, _imaging

from compression import files
from compression.errors import ImageError

MAX_SIDE = 65535  # what 16 bits hold
MAX_PIXELS = 2**30  # six times Pillow's own limit; 3 GiB of RGB, and Pillow needs 4 GiB to decode

_WHITE_16 = 65535
_WHITE_12 = 4095  # Pillow hands out 12-bit TIFFs as "I;16" without scaling them
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0
_EXIF_ORIENTATION = 0x0112
_ORIENTATIONS = {  # EXIF 2.3, tag 0x0112: what turns the stored image upright
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}  # ICC.1, table 19
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
      - the EXIF orientation is applied;
      - colour profiles other than sRGB, CMYK and Lab are converted to sRGB;
      - transparency is composited on white;
      - 16-bit values are scaled, 0..65535 to 0..255;
      - 32-bit integers that do not fit 16 bits, and floating-point values other than 0..1 or whole
        numbers, are scaled from their own range;
      - of several frames the first is taken.

  Raises:
    ImageError: if the source cannot be read, is no image, is damaged or cut short, has a side over
      MAX_SIDE or more than MAX_PIXELS pixels. One line, which begins with the name.
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
def _decoding(name: str) -> Iterator[None]:
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
    raise ImageError(f"{name}: not an image that can be read") from error
  except MemoryError as error:
    raise ImageError(f"{name}: too large for this machine's memory") from error
  except Exception as error:
    raise ImageError(f"{name}: the image is cut short or damaged") from error


def _read(file: BinaryIO, name: str, stack: contextlib.ExitStack) -> Photo:
  """`read_photo` of an open, seekable, non-empty file; `stack` closes what stays open meanwhile."""
  notes: list[str] = []
  with _decoding(name):
    opened = _open(file, stack)
    width, height = opened.size
    if max(width, height) > MAX_SIDE:
      raise ImageError(f"{name}: is {width} x {height}; no side may be longer than {MAX_SIDE}")
    if width * height > MAX_PIXELS:
      raise ImageError(f"{name}: has more than {MAX_PIXELS} pixels, which is the limit")
    if opened.format in _UNREADABLE_FORMATS or isinstance(opened, ImageFile.StubImageFile):
      raise ImageError(f"{name}: not an image that can be read ({opened.format})")
    if opened.format == "PNG":
      opened.verify()  # loading leaves out the checksums, and would give wrong pixels
      opened = _open(file, stack)
    packing = str(opened.tile[:1])  # holds such as "RGB;16B"; loading drops it
    marked = _orientation(opened)
    opened.load()
    image: Image.Image = opened
    # Pillow turns TIFFs itself and then drops the mark; other formats keep it.
    remaining = _orientation(opened)
    if remaining is not None:
      image = opened.transpose(remaining)
    if marked is not None or remaining is not None:
      notes.append("rotated as its EXIF data says")
    image, alpha = _to_8_bits(image, packing, opened, notes)
    if alpha is None:
      image, alpha = _split_alpha(image)
    image = _to_srgb(image, opened.info.get("icc_profile"), notes)
    if alpha is not None and np.asarray(alpha).min() < 255:
      image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
      notes.append("transparency composited on white")
    if _has_more_frames(opened):
      notes.append("first frame only")
    return Photo(np.array(image), tuple(notes))


def _open(file: BinaryIO, stack: contextlib.ExitStack) -> ImageFile.ImageFile:
  """Reads the header. Only for images over the host program's own limit is that one raised."""
  try:
    return Image.open(file)
  except Image.DecompressionBombError:
    stack.enter_context(_large_images)
    return Image.open(file)


def _orientation(image: Image.Image) -> Image.Transpose | None:
  """What turns the image upright; None where it is, or where nothing sensible is said."""
  try:
    return _ORIENTATIONS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
  except Exception:  # noqa: BLE001  broken metadata is no reason to refuse a photo
    return None


def _has_more_frames(image: Image.Image) -> bool:
  if image.format == "PSD":  # its further "frames" are layers, which the first shows merged
    return False
  try:
    return getattr(image, "is_animated", False)
  except Exception:  # noqa: BLE001  a broken second frame leaves the first as it is
    return True


def _to_8_bits(
  image: Image.Image, packing: str, opened: ImageFile.ImageFile, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
  """Scales deep pixels to 8 bits; also their alpha, where a colour was marked as transparent."""
  if not image.mode.startswith(("I", "F")):
    if ";16" in packing:  # Pillow has taken the high bytes
      notes.append("16 bits a channel reduced to 8")
      # The transparent colour still has 16 bits, and can no longer be told from its neighbours.
      image.info.pop("transparency", None)
    return image, None
  values = np.asarray(image)
  alpha = None
  if image.mode.startswith("I;16") or opened.format in ("PNG", "PPM"):  # older Pillow: "I"
    white = _WHITE_12 if ";12" in packing else _WHITE_16
    notes.append(f"{white.bit_length()} bits a channel reduced to 8")
    if isinstance(image.info.get("transparency"), int):
      opaque = values != image.info["transparency"]
      alpha = Image.fromarray(opaque.astype(np.uint8) * np.uint8(255))
    table = np.minimum(np.round(np.arange(_WHITE_16 + 1) * (255 / white)), 255).astype(np.uint8)
    scaled = table[values]
    tags = getattr(opened, "tag_v2", {})  # of a TIFF
    if tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO:
      scaled = 255 - scaled  # Pillow does so for 8 bits only
    return Image.fromarray(scaled), alpha
  return Image.fromarray(_scale(values, notes)), alpha


def _scale(values: np.ndarray, notes: list[str]) -> np.ndarray:
  """Maps int32 or float32 [H, W] of unknown range to uint8; what is not finite becomes black."""
  finite = np.isfinite(values)
  kept = values[finite].astype(np.float64)
  low, high = (kept.min(), kept.max()) if kept.size else (0.0, 0.0)
  if low >= 0 and high <= 1 and values.dtype.kind == "f":
    low, high = 0.0, 1.0
  elif low >= 0 and high <= _WHITE_16 and np.array_equal(kept, np.rint(kept)):
    low, high = 0.0, (255.0 if high <= 255 else float(_WHITE_16))  # saved from 8 or 16 bits
  scaled = np.zeros(values.shape, np.uint8)
  scaled[finite] = np.rint((kept - low) / ((high - low) or 1.0) * 255)
  kind = "floating-point" if values.dtype.kind == "f" else "integer"
  notes.append(f"{kind} values {low:g} to {high:g} scaled to 8 bits")
  return scaled


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
  """The colours without the alpha channel, and the alpha channel ("L") where there is one."""
  if image.mode in ("P", "PA") or "transparency" in image.info:  # palettes may hold alpha as well
    image = image.convert("RGBA")
  if image.mode == "LA":
    return image.getchannel("L"), image.getchannel("A")
  if image.mode == "RGBA":
    return image.convert("RGB"), image.getchannel("A")
  return image, None


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
  """Converts to "RGB", by the colour profile of the file where it has one other than sRGB."""
  if profile:
    try:
      source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
      title = ImageCms.getProfileDescription(source)
      title = re.sub(r"\s+", " ", "".join(filter(str.isprintable, title))).strip()[:60]
      if not ("srgb" in title.lower() and image.mode in ("1", "L", "RGB")):
        mode = _PROFILE_MODES[source.profile.xcolor_space]
        if image.mode in ("1", "L") and mode in ("L", "RGB"):
          image = image.convert(mode)  # grey photos often carry the camera's RGB profile
        transform = ImageCms.buildTransform(
          source, ImageCms.createProfile("sRGB"), image.mode, "RGB"
        )
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # as it is only where applied in place
        notes.append(f"converted from its colour profile ({title}) to sRGB")
        return converted
    except Exception:  # noqa: BLE001  damaged, of another colour space, or no LittleCMS in Pillow
      notes.append("its colour profile cannot be used and is ignored")
  if image.mode in ("CMYK", "LAB"):
    notes.append(f"converted from {'Lab' if image.mode == 'LAB' else 'CMYK'} without a profile")
  return image.convert("RGB")
