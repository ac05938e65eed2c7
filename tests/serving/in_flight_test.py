"""Waiting for requests."""

from __future__ import annotations

import threading

import pytest

from compression.serving.in_flight import InFlight


def test_nothing_to_wait_for() -> None:
  assert InFlight().wait(0)


def test_it_waits_for_all_that_are_there() -> None:
  in_flight = InFlight()
  ends = [threading.Event() for _ in range(3)]
  begun = threading.Barrier(4)

  def answer(end: threading.Event) -> None:
    with in_flight:
      begun.wait()
      end.wait()

  threads = [threading.Thread(target=answer, args=[end]) for end in ends]
  for thread in threads:
    thread.start()
  begun.wait()
  for end in ends:
    assert not in_flight.wait(0.01)
    end.set()
  assert in_flight.wait(60)
  for thread in threads:
    thread.join()


def test_a_request_that_fails_has_ended_too() -> None:
  in_flight = InFlight()
  with pytest.raises(ZeroDivisionError), in_flight:
    raise ZeroDivisionError
  assert in_flight.wait(0)
