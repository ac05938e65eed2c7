"""When bits are those that networks give images, on every processor."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.network import RecurrentNetwork

MARGIN = 1e-3
"""Far more than what float32 leaves of an error in a tanh after some iterations, which is 1e-5."""


def assert_bits(network: RecurrentNetwork, x: tf.Tensor, bits: np.ndarray) -> np.ndarray:
  """Fails unless bits are those that the networks give images.

  Every iteration goes on from the bits that were found. So each is compared with the sign of what E
  makes of the image and of the bits before it, but where that is nearer to 0 than processors,
  shapes of batches and orders of sums differ: there it may fall either way.

  Args:
    x: float32 [N, H, W, 3], H and W multiples of 16.
    bits: bool [T, N, H/16, W/16, bits].

  Returns: what D makes of the bits, float32 [T, N, H, W, 3].
  """
  assert bits.dtype == bool
  states, state, reconstructions = None, None, []
  for layer in bits:
    seen = network.framework.encoder_input(x, None if state is None else state.x_hat)
    runs = 1 + (network.config.priming if states is None else 0)
    for _ in range(runs):
      u, states = network.encoder(seen, states)
    certain = np.abs(u) > MARGIN
    assert certain.mean() > 0.9
    np.testing.assert_array_equal(layer[certain], (u > 0)[certain])
    state = network.decode_step(tf.where(layer, 1.0, -1.0), state)
    reconstructions.append(state.x_hat)
  return np.stack(reconstructions)
