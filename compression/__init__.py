"""Full resolution image compression with recurrent neural networks, and the codecs beside it.

    import compression
    codec = compression.load()                       # the released model; or load("dct") ...
    data = codec.compress(image, 8)                  # uint8 [H, W, 3], 8 iterations -> bytes
    image = codec.decompress(data)
    codec = compression.codec_of(data)               # the one that made a file

Toderici et al., CVPR 2017 (arXiv:1608.05148). Programs are the modules of this folder,
`python -m compression.compress` and so on; rooms are the folders, each of which imports only from
those below it:

    archives                                    all of it on many machines
    evaluation reporting exporting serving      judging codecs, showing and deploying them
    training                                    one loop, and what it can be asked to learn
    codecs                                      images to bytes and back: the contract is base.py
    datasets                                    tiles, records and codes to learn from
    entropy layers                              exact coders, Keras layers
    formats images metrics                      files byte by byte; photos in and out; measures
    common                                      errors, files, configurations, programs

Everything that needs TensorFlow is imported when it is first used, so that `import compression` is
quick.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from compression.codecs.base import Codec

# Read by TensorFlow when it is imported: it reports errors about GPUs where there are none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

_EXPORTS = {
  "Codec": "compression.codecs.base",
  "ProgressiveCodec": "compression.codecs.base",
  "register": "compression.codecs.registry",
  "CompressionError": "compression.common.errors",
  "ConfigError": "compression.common.errors",
  "FormatError": "compression.common.errors",
  "ImageError": "compression.common.errors",
  "ModelError": "compression.common.errors",
  "OutputError": "compression.common.errors",
  "RangeError": "compression.common.errors",
}

__all__ = sorted([*_EXPORTS, "codec_names", "codec_of", "load"])


def load(name: str | os.PathLike[str] = "mobile", precision: str = "float32") -> Codec:
  """A codec by name.

  Args:
    name: one of `codec_names()`, a folder that training wrote, or FILE.py:CLASS.
    precision: of networks: float32, or mixed_bfloat16, which is faster where the processor has
      bfloat16 instructions and loses a little quality; or int8, which decodes in about half the
      time, for some hundredths of a decibel, with the package ai-edge-litert. Files do not depend
      on it.

  Raises:
    ModelError: if there is no such codec, it is damaged, or has no such precision.
    ConfigError: if its configuration is not understood.
  """
  from compression.codecs import registry
  from compression.codecs.base import Options

  return registry.find(name, Options(precision))


def codec_of(data: bytes) -> Codec:
  """The codec that made a file, with the weights that it was made with.

  Raises:
    FormatError: if no codec that is installed knows such bytes.
    ModelError: if it was made with a model that is not installed.
  """
  from compression.codecs import registry

  return registry.of_file(data)


def codec_names() -> list[str]:
  """All that `load` knows by name, the released models first."""
  from compression.codecs import registry

  return registry.names()


def __getattr__(name: str) -> Any:
  if name not in _EXPORTS:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
  return sorted([*globals(), *_EXPORTS])
