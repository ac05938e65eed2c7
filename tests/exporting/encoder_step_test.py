"""The encoder as TensorFlow Lite: one iteration, from what is missing to bits."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from compression.codecs.recurrent import litert
from compression.exporting import encoder_step
from tests.exporting.examples import small_codec


@pytest.mark.parametrize("unit", ["residual_gru", "lstm"])
def test_its_bits_are_those_of_the_networks_but_for_rounding(unit: str) -> None:
  codec = small_codec(unit=unit)
  step = encoder_step.EncoderStep(codec)
  runner = Interpreter(model_content=encoder_step.convert(step)).get_signature_runner(
    encoder_step.SIGNATURE
  )
  rng = np.random.default_rng(7)
  residual = rng.uniform(-1, 1, [1, 48, 32, 3]).astype(np.float32)
  states = litert.zero_states(step.states, 3, 2)
  own = None
  for _ in range(2):
    out = runner(residual=residual, **states)
    u, own = codec.network.encoder(residual, own)
    np.testing.assert_allclose(out["bits"], u, atol=0.2)
    assert np.mean((out["bits"] >= 0) == (u.numpy() >= 0)) > 0.95
    states = {name: out[name] for name in states}
