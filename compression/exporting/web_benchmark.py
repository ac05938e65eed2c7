"""How fast the page decodes a file in Chromium, beside Python: from its bytes to the last image."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from compression.codecs.recurrent import litert
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.entropy import range_decoder
from compression.entropy.bits import PackedBits, learned
from compression.exporting import TFLITE_FOLDER, WEB_FOLDER, tflite, tflite_player, web, web_player
from compression.formats import rnic


class Measured(NamedTuple):
  """What decoding a file takes.

  Attributes:
    seconds: for an iteration, of the quickest run that was not the first.
    first: seconds of the first run until its last picture, with all that is loaded for it.
    memory: bytes that the browser's processes had at most; 0 where that was not measured.
  """

  seconds: float
  first: float
  memory: int = 0


def measure(
  codec: RecurrentCodec, data: bytes, folder: pathlib.Path, variant: str, repeat: int
) -> dict[str, Measured]:
  """Python, TensorFlow Lite as `tools/tflite_decode.py` runs it, and the page, each alone.

  Args:
    codec: the model.
    data: a file of it.
    folder: an empty one, for what is exported.
    variant: of the networks, for TensorFlow Lite and the page.
    repeat: runs after the first.

  Raises:
    ConfigError, CompressionError: if LiteRT.js or a browser is missing.
  """
  web.export(codec, folder, variant)
  tflite.export(codec, folder, [variant])
  count = len(rnic.read(data).payloads)
  found = {
    "Python": _timed(lambda: list(codec.progressive(data)), repeat, count),
    "TensorFlow Lite": _timed(_Player(codec, folder, variant, data), repeat, count),
  }
  names = [str(number) for number in range(repeat + 1)]
  played, memory = web_player.play(folder / WEB_FOLDER, dict.fromkeys(names, [data]))
  first, *others = (played[name].pictures[-1].seconds for name in names)
  found["page in Chromium"] = Measured(min(others) / count, first, memory)
  return found


def _timed(run: Callable[[], Any], repeat: int, count: int) -> Measured:
  seconds = []
  for _ in range(repeat + 1):
    start = time.perf_counter()
    run()
    seconds.append(time.perf_counter() - start)
  return Measured(min(seconds[1:]) / count, seconds[0])


class _Player:
  """The steps of `tools/tflite_decode.py`."""

  def __init__(self, codec: RecurrentCodec, folder: pathlib.Path, variant: str, data: bytes):
    contents = rnic.read(data)
    self._payloads, header = contents.payloads, contents.header
    self._shape = (header.blocks_high, header.blocks_wide, codec.config.bits)
    self._step = tflite_player.load(folder / TFLITE_FOLDER / tflite.file_name(variant))
    self._zeros = litert.zero_states(tflite.DecoderStep(codec).states, *self._shape[:2])
    self._coder = (
      learned.load(codec.coder_folder, range_decoder)
      if header.entropy_coder and codec.coder_folder is not None
      else PackedBits()
    )

  def __call__(self) -> None:
    bits = self._coder.decode(self._payloads, self._shape)
    list(litert.play(self._step, bits, self._zeros))
