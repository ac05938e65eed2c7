"""Photos of an archive to files, and back: the same bytes as on one machine."""

from __future__ import annotations

import abc
import dataclasses
import io
import posixpath
import warnings

from compression.archives.pipeline import Folder, Report, Work
from compression.codecs import registry, targets
from compression.codecs.base import Options
from compression.common import stores
from compression.common.errors import OutputError
from compression.images.photos import encode_png, read_photo


@dataclasses.dataclass(frozen=True)
class Coding(Work):
  """Files to files of another kind.

  Attributes:
    folder: of the results.
    suffix: of their names.
    options: for the codecs.
  """

  folder: Folder
  suffix: str
  options: Options

  @abc.abstractmethod
  def convert(self, content: bytes, name: str) -> tuple[bytes, str | None]:
    """Makes a file's content of another's; and says what that lacks in a line, or None.

    Raises:
      CompressionError: if nothing does.
    """

  def target(self, name: str) -> str:
    """The same name with another suffix."""
    return posixpath.splitext(name)[0] + self.suffix

  def do(self, source: str, target: str) -> Report:
    """Writes the result, unless it is there."""
    path = self.folder.file(target)
    if stores.is_same(source, path):
      raise OutputError(f"{stores.shown(path)}: is the input, too, which is never written")
    if self.folder.skip_existing and stores.is_written(path):
      return Report(skipped=1)
    if not self.folder.overwrite and stores.is_written(path):
      raise OutputError(f"{stores.shown(path)}: exists already; --overwrite replaces it")
    data, damage = self.convert(stores.read(source), source)
    stores.write(path, data, self.folder.parts)
    return Report(done=1, damaged=[f"{stores.shown(source)}: {damage}"] if damage else [])


@dataclasses.dataclass(frozen=True)
class Compress(Coding):
  """Photos to files.

  Attributes:
    model: as `registry.find` takes it.
    wanted: how good they are to be.
  """

  model: str
  wanted: targets.Wanted

  def convert(self, content: bytes, name: str) -> tuple[bytes, None]:
    """A photo's file."""
    image = read_photo(io.BytesIO(content), name).image
    codec = registry.find_once(self.model, self.options)
    return targets.compress(codec, image, self.wanted).data, None


@dataclasses.dataclass(frozen=True)
class Decompress(Coding):
  """Files to PNG images.

  Attributes:
    model: as `registry.find` takes it; None for what each file was made with.
    iterations: how many to decode of a progressive file; None for all.
    strict: whether to refuse a file that is cut short.
  """

  model: str | None
  iterations: int | None
  strict: bool

  def convert(self, content: bytes, name: str) -> tuple[bytes, str | None]:
    """A file's photo, as far as it is whole."""
    if self.model is None:
      codec = registry.of_file(content, self.options)
    else:
      codec = registry.find_once(self.model, self.options)
    data, damage = targets.readable(codec, content, self.iterations, self.strict)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # the damage, which is reported
      return encode_png(codec.decompress(data)), damage
