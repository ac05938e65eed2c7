"""Names of data sets that are spread over several files.

NAME@8.tfrecord stands for all of the eight files, called shards, NAME-00000-of-00008.tfrecord to
NAME-00007-of-00008.tfrecord.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import re

from compression.common.errors import ConfigError

SUFFIX = ".tfrecord"

_DIGITS = 5  # of the numbers in names
_MAX_COUNT = 10**_DIGITS - 1
_ALL = re.compile(rf"(?P<prefix>.*[^/@])@(?P<count>[0-9]+){re.escape(SUFFIX)}")
_ONE = re.compile(
  rf"(?P<prefix>.*)-(?P<number>[0-9]{{{_DIGITS}}})-of-(?P<count>[0-9]{{{_DIGITS}}})"
  rf"{re.escape(SUFFIX)}"
)


@dataclasses.dataclass(frozen=True, order=True)
class Shards:
  """prefix: what all names begin with, the folder too; count: of the files."""

  prefix: str
  count: int

  def __str__(self) -> str:
    return f"{self.prefix}@{self.count}{SUFFIX}"

  def names(self) -> list[str]:
    """The names of all files, in order."""
    return [
      f"{self.prefix}-{number:0{_DIGITS}}-of-{self.count:0{_DIGITS}}{SUFFIX}"
      for number in range(self.count)
    ]

  def pattern(self) -> str:
    """Matches the shards of this prefix, however many there are."""
    any_number = "?" * _DIGITS
    return f"{self.prefix}-{any_number}-of-{any_number}{SUFFIX}"


def parse(name: str) -> Shards:
  """What NAME@COUNT.tfrecord stands for.

  Raises:
    ConfigError: if it is no such name, or the name is a pattern.
  """
  match = _ALL.fullmatch(name)
  if match is None or glob.has_magic(name):
    raise ConfigError(f"{name}: must be NAME@COUNT{SUFFIX}, as in tiles@8{SUFFIX}")
  count = int(match["count"])
  if not 1 <= count <= _MAX_COUNT:
    raise ConfigError(f"{name}: the number of files must be from 1 to {_MAX_COUNT}")
  return Shards(match["prefix"], count)


def find(patterns: str) -> list[str]:
  """The files of names, patterns and NAME@COUNT.tfrecord, with commas between them; sorted.

  Raises:
    ConfigError: if one matches no file, or some shards of a data set are there and others are not.
  """
  found: set[str] = set()
  for pattern in (part.strip() for part in patterns.split(",")):
    if os.path.exists(pattern):
      names = [pattern]
    elif _ALL.fullmatch(pattern):
      names = [name for name in parse(pattern).names() if os.path.exists(name)]
    else:
      names = glob.glob(pattern, recursive=True)
    if not names:
      raise ConfigError(f"{pattern}: matches no file")
    found.update(names)
  for shards in _sets(found):
    missing = [name for name in shards.names() if name not in found]
    if missing:
      raise ConfigError(
        f"{shards}: {len(missing)} of {shards.count} files are missing: {missing[0]} is the first"
      )
  return sorted(found)


def _sets(names: set[str]) -> list[Shards]:
  """The data sets that these files are shards of."""
  matches = filter(None, map(_ONE.fullmatch, names))
  return sorted({Shards(match["prefix"], int(match["count"])) for match in matches})
