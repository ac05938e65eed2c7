"""The exceptions of this package: one base class, so that callers can catch them all.

Every message is one line that names the thing that is wrong and what was received; the programs
print it as it is.
"""


class CompressionError(Exception):
  """Base of every exception that this package raises on bad input."""


class ConfigError(CompressionError):
  """A configuration has an unknown key or a value that is not allowed."""


class ModelError(CompressionError):
  """A model does not exist, is incomplete, or is not the one that a file was made with."""


class ImageError(CompressionError):
  """A file is not an image that can be read, or an array is not an image."""


class FormatError(CompressionError):
  """A `.rnic` file is not one, is damaged, or asks for what no such file can hold."""


class OutputError(CompressionError):
  """An output exists already, or cannot be written."""


class RangeError(CompressionError, ValueError):
  """A number is outside the range that the model allows."""
