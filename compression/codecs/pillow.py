"""The codecs that Pillow brings, and JPEG XL where its plug-in is installed.

Options are those of the best quality for the bytes that is not many times slower; what a codec
calls its quality is chosen to give about 0.1 to 2.2 bits per pixel on the Kodak images.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import PIL
from PIL import Image, features

from compression.codecs.base import Codec, Description, MissingCodecError, Options, show
from compression.codecs.registry import register_as
from compression.common.errors import FormatError, ImageError, RangeError
from compression.images.photos import check_image

_JXL_PACKAGE = "pillow-jxl-plugin"
_RAW_BITS_PER_PIXEL = 24
_MAX_WEBP_METHOD = 6  # 0..6, the most thorough search
_AVIF_SPEED = 6  # 0..10, Pillow's own choice; 4 is five times slower
_JXL_EFFORT = 7  # 1..10, libjxl's own choice

_JPEG_QUALITIES = (2, 4, 6, 8, 10, 15, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92)
_WEBP_QUALITIES = (0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92)
_AVIF_QUALITIES = (0, 10, 15, 20, 25, 30, 40, 50, 60, 65, 70, 75, 80, 85, 88)
_JXL_QUALITIES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92)  # 0 is its worst
_JPEG2000_BPP = (0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.625, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25)


class _Format(NamedTuple):
  """How to call Pillow: for a setting, `save(file, format, **options(setting))`.

  Attributes:
    format: Pillow's name.
    suffix: of files.
    about: the options in words.
    settings: as in Codec.
    options: of a setting.
    limits: the lowest and the highest setting that the library takes.
    feature: what Pillow calls the library, to ask for its version; None for the plug-in.
  """

  format: str
  suffix: str
  about: str
  settings: tuple[float, ...]
  options: Callable[[float], dict[str, Any]]
  feature: str | None
  setting_name: str = "quality"
  limits: tuple[float, float] = (0, 100)


def _jpeg(subsampling: str, optimized: bool) -> Callable[[float], dict[str, Any]]:
  return lambda quality: {
    "quality": int(quality),
    "subsampling": subsampling,
    "optimize": optimized,
    "progressive": optimized,
  }


def _webp(quality: float) -> dict[str, Any]:
  return {"quality": int(quality), "method": _MAX_WEBP_METHOD}


def _jpeg2000(bpp: float) -> dict[str, Any]:
  return {
    "quality_mode": "rates",
    "quality_layers": [_RAW_BITS_PER_PIXEL / bpp],
    "irreversible": True,  # the 9/7 wavelet
    "mct": 1,  # YCbCr
    "no_jp2": True,  # the codestream alone
  }


def _avif(quality: float) -> dict[str, Any]:
  return {"quality": int(quality), "subsampling": "4:4:4", "speed": _AVIF_SPEED}


def _jxl(quality: float) -> dict[str, Any]:
  return {"quality": int(quality), "effort": _JXL_EFFORT}


_FORMATS = {
  "jpeg420": _Format(
    "JPEG",
    ".jpg",
    "4:2:0, progressive, optimised Huffman tables",
    _JPEG_QUALITIES,
    _jpeg("4:2:0", True),
    "libjpeg_turbo",
  ),
  "jpeg444": _Format(
    "JPEG",
    ".jpg",
    "4:4:4, progressive, optimised Huffman tables",
    _JPEG_QUALITIES,
    _jpeg("4:4:4", True),
    "libjpeg_turbo",
  ),
  "jpeg420_baseline": _Format(
    "JPEG",
    ".jpg",
    "4:2:0, sequential, standard Huffman tables",
    _JPEG_QUALITIES,
    _jpeg("4:2:0", False),
    "libjpeg_turbo",
  ),
  "webp": _Format(
    "WEBP", ".webp", f"lossy, method {_MAX_WEBP_METHOD}", _WEBP_QUALITIES, _webp, "webp"
  ),
  "jpeg2000": _Format(
    "JPEG2000",
    ".j2k",
    "9/7 wavelet, YCbCr, to a rate",
    _JPEG2000_BPP,
    _jpeg2000,
    "jpg_2000",
    setting_name="bits per pixel",
    limits=(0.001, _RAW_BITS_PER_PIXEL),
  ),
  "avif": _Format("AVIF", ".avif", f"4:4:4, speed {_AVIF_SPEED}", _AVIF_QUALITIES, _avif, "avif"),
  "jxl": _Format("JXL", ".jxl", f"XYB, effort {_JXL_EFFORT}", _JXL_QUALITIES, _jxl, None),
}

NAMES = tuple(_FORMATS)


class PillowCodec(Codec):
  """One of NAMES.

  Args:
    name: of NAMES.

  Raises:
    MissingCodecError: if this Pillow has no such format.
  """

  def __init__(self, name: str):
    self._format = _FORMATS[name]
    self._threads = 0
    self.name = name
    self.settings = self._format.settings
    self.setting_name = self._format.setting_name
    self.suffix = self._format.suffix
    version = _version(name, self._format)
    self.identity = f"{self._format.about}; {version}, Pillow {PIL.__version__}"

  def configure(self, options: Options) -> None:
    """Takes the threads of the libraries that can use some, AVIF and JPEG XL."""
    self._threads = options.threads

  def recognises(self, data: bytes) -> bool:
    """Whether Pillow opens it as this format."""
    try:
      with self._opened(data, "is another file"):
        return True
    except FormatError:
      return False

  def describe(self, data: bytes) -> Description:
    """The size of the image; the file says no more of how it was made."""
    with self._opened(data, f"{self._format.format} file that cannot be read") as image:
      return Description(image.height, image.width, [("format", self._format.format)])

  def check_setting(self, setting: float) -> float:
    """The setting, if the library takes it, which may lie between `settings`; raises RangeError."""
    low, high = self._format.limits
    if isinstance(setting, bool) or not low <= setting <= high:
      known = f"it has {show(low)} to {show(high)}"
      raise RangeError(f"{self.name} has no {self.setting_name} {show(setting)}; {known}")
    return setting

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image, uint8 [H, W, 3], at any setting that the library takes.

    Raises:
      ImageError: if it is no such array, or the library refuses it, as WebP does for a side over
        16383.
      RangeError: if the library has no such setting.
    """
    image = check_image(image)
    self.check_setting(setting)
    options = self._format.options(setting)
    if self._format.format == "AVIF":
      options["max_threads"] = self._threads
    elif self._format.format == "JXL":
      options["num_threads"] = self._threads or -1
    file = io.BytesIO()
    try:
      Image.fromarray(image).save(file, self._format.format, **options)
    except (OSError, RuntimeError, ValueError) as error:
      height, width, _ = image.shape
      raise ImageError(f"{self.name} cannot hold {width}x{height} pixels: {error}") from error
    return file.getvalue()

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file, uint8 [H, W, 3].

    Raises:
      FormatError: if it is damaged, or of another format.
    """
    if self._format.format == "AVIF":
      plugin: Any = importlib.import_module("PIL.AvifImagePlugin")
      plugin.DEFAULT_MAX_THREADS = self._threads
    elif self._format.format == "JXL":
      plugin = importlib.import_module("pillow_jxl.JpegXLImagePlugin")
      plugin.DECODE_THREADS = self._threads or -1
    with self._opened(data, f"{self.name} cannot read this file") as image:
      return np.asarray(image.convert("RGB"))

  @contextlib.contextmanager
  def _opened(self, data: bytes, trouble: str) -> Iterator[Image.Image]:
    """The file, whose pixels are read when they are asked for; raises FormatError, one line."""
    try:
      with Image.open(io.BytesIO(data), formats=[self._format.format]) as image:
        yield image
    except (OSError, RuntimeError, ValueError, Image.DecompressionBombError) as error:
      raise FormatError(f"{trouble}: {' '.join(str(error).split())}") from error


def _version(name: str, chosen: _Format) -> str:
  """The library and its version; raises MissingCodecError."""
  if chosen.feature is None:
    try:
      importlib.import_module("pillow_jxl")  # which tells Pillow about the format
    except ImportError:
      raise MissingCodecError(f"{name} needs the package {_JXL_PACKAGE}") from None
    return f"{_JXL_PACKAGE} {importlib.metadata.version(_JXL_PACKAGE)}"
  if chosen.format == "JPEG" and not features.check(chosen.feature):
    return f"libjpeg {features.version('jpg')}"
  # Older releases of Pillow do not know the name of a newer library.
  if chosen.feature not in {*features.modules, *features.codecs, *features.features} or (
    not features.check(chosen.feature)
  ):
    raise MissingCodecError(f"{name} is not in this Pillow ({PIL.__version__})")
  return f"{chosen.feature} {features.version(chosen.feature)}"


for _name in NAMES:
  register_as(_name, functools.partial(PillowCodec, _name))
