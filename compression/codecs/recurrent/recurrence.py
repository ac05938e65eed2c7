"""The recurrence x -> b -> x_hat of `network.py`, once: who runs it brings the steps.

    encode(x, x_hat, states) -> b, states      x_hat and states are None at the first iteration,
    decode(b, state) -> state                  and so is state

They are the methods of a RecurrentNetwork, those of `runner.Steps`, which are traced, or those of a
trainer. `exporting/loops.py` has the same loops for graphs in which the number of iterations is a
tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

Encode = Callable[..., tuple[tf.Tensor, Any]]
Decode = Callable[..., Any]


def run(
  encode: Encode, decode: Decode, x: tf.Tensor, iterations: int, decode_last: bool = True
) -> Iterator[tuple[tf.Tensor, Any]]:
  """Yields b_t and the decoder's state after it, whose x_hat is what b_1 .. b_t give.

  Args:
    encode, decode: the steps.
    x: the images, [N, H, W, 3].
    iterations: how many to run.
    decode_last: whether the last code is decoded too. The encoder does not need that; without it,
      None stands for the last state.
  """
  states, state = None, None
  for t in range(1, iterations + 1):
    b, states = encode(x, None if state is None else state.x_hat, states)
    state = decode(b, state) if decode_last or t < iterations else None
    yield b, state


def replay(decode: Decode, codes: Iterable[tf.Tensor]) -> Iterator[Any]:
  """Yields the decoder's state after each of the codes b_1, b_2 and so on."""
  state = None
  for b in codes:
    state = decode(b, state)
    yield state
