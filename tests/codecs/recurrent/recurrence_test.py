"""The loops run each step on what the one before it left, no further than asked."""

from __future__ import annotations

import itertools

import pytest

from compression.codecs.recurrent import recurrence


class State:
  """A decoder's state that remembers which codes made it."""

  def __init__(self, codes: tuple[str, ...]):
    self.x_hat = "".join(codes)
    self.codes = codes


def encode(x: str, x_hat: str | None, states: int | None) -> tuple[str, int]:
  """A code that tells all it was made from."""
  states = 1 if states is None else states + 1
  return f"({x} {x_hat} {states})", states


def decode(b: str, state: State | None) -> State:
  return State((*(() if state is None else state.codes), b))


def test_each_step_gets_what_the_one_before_it_left() -> None:
  steps = [(b, state.x_hat) for b, state in recurrence.run(encode, decode, "x", 3)]
  first = "(x None 1)"
  second = f"(x {first} 2)"
  third = f"(x {first}{second} 3)"
  assert steps == [(first, first), (second, first + second), (third, first + second + third)]


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_the_last_code_is_decoded_only_on_request(iterations: int) -> None:
  every = list(recurrence.run(encode, decode, "x", iterations))
  without = list(recurrence.run(encode, decode, "x", iterations, decode_last=False))
  assert [b for b, _ in without] == [b for b, _ in every] and len(every) == iterations
  assert all(state is not None for _, state in every)
  assert [state is None for _, state in without] == [False] * (iterations - 1) + [True] * bool(
    iterations
  )


def test_replaying_the_codes_gives_the_same_states() -> None:
  steps = list(recurrence.run(encode, decode, "x", 4))
  replayed = recurrence.replay(decode, (b for b, _ in steps))
  assert [state.x_hat for state in replayed] == [state.x_hat for _, state in steps]


def test_iterations_are_run_as_they_are_asked_for() -> None:
  ran = []

  def counted(b: str, state: State | None) -> State:
    ran.append(b)
    return decode(b, state)

  assert len(list(itertools.islice(recurrence.run(encode, counted, "x", 16), 2))) == len(ran) == 2
  ran.clear()
  assert len(list(itertools.islice(recurrence.replay(counted, "abcd"), 3))) == len(ran) == 3
