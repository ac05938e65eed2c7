"""Full resolution image compression with recurrent neural networks.

    import compression
    codec = compression.load()                       # the released model
    data = codec.compress(image, iterations=8)       # uint8 [H, W, 3] -> bytes of an .rnic file
    image = codec.decompress(data, iterations=4)     # any quality up to that one

Toderici et al., CVPR 2017 (arXiv:1608.05148). Everything that needs TensorFlow is imported when it
is first used, so that `import compression` is quick.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

# Read by TensorFlow when it is imported: it reports errors about GPUs where there are none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

_EXPORTS = {
  "RecurrentCodec": "compression.codecs.recurrent.codec",
  "load": "compression.codecs.recurrent.codec",
  "models": "compression.codecs.model_folders",
  "CompressionError": "compression.common.errors",
  "ConfigError": "compression.common.errors",
  "FormatError": "compression.common.errors",
  "ImageError": "compression.common.errors",
  "ModelError": "compression.common.errors",
  "OutputError": "compression.common.errors",
  "RangeError": "compression.common.errors",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
  if name not in _EXPORTS:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
  return sorted([*globals(), *_EXPORTS])
