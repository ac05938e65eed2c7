"""How many requests are being answered, so that a server that ends can wait for them."""

from __future__ import annotations

import threading


class InFlight:
  """A context in which a request is answered."""

  def __init__(self) -> None:
    self._count = 0
    self._changed = threading.Condition()

  def __enter__(self) -> None:
    with self._changed:
      self._count += 1

  def __exit__(self, *_: object) -> None:
    with self._changed:
      self._count -= 1
      self._changed.notify_all()

  def wait(self, seconds: float) -> bool:
    """Waits until there are none, or that long; whether there are none."""
    with self._changed:
      return self._changed.wait_for(lambda: self._count == 0, seconds)
