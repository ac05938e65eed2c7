"""The player gives each iteration the states of the one before it."""

from __future__ import annotations

import numpy as np
import pytest

from compression.exporting import tflite_player


def counting_step(**inputs: np.ndarray) -> dict[str, np.ndarray]:
  """An image that is the number of +1 among all bits until now, which are kept as a state."""
  bits, known = inputs.pop("bits"), inputs.pop("known")
  assert not inputs and bits.dtype == np.float32 and set(np.unique(bits)) <= {-1, 1}
  known = known + (bits > 0).sum()
  return {"image": np.full([1, 32, 48, 3], known, np.uint8), "known": known}


def test_states_go_from_iteration_to_iteration_and_begin_anew() -> None:
  bits = np.zeros([3, 2, 3, 4], bool)
  bits[0, 1, 2, :3] = bits[1, 0, 0, 0] = bits[2, 0, 1] = True
  states = {"known": np.zeros([])}
  for _ in range(2):
    images = list(tflite_player.play(counting_step, bits, states))
    assert [image.shape for image in images] == [(32, 48, 3)] * 3
    assert [int(image[0, 0, 0]) for image in images] == [3, 4, 8]
  assert list(states) == ["known"] and states["known"] == 0


def test_iterations_are_run_as_they_are_asked_for() -> None:
  ran = []

  def step(**inputs: np.ndarray) -> dict[str, np.ndarray]:
    ran.append(inputs)
    return counting_step(**inputs)

  images = tflite_player.play(step, np.ones([16, 1, 1, 4], bool), {"known": np.zeros([])})
  next(images)
  assert len(ran) == 1
  next(images)
  assert len(ran) == 2


def test_what_is_no_model_is_refused(tmp_path) -> None:
  (tmp_path / "decoder.tflite").write_bytes(b"no model")
  for name in ("decoder.tflite", "gone.tflite"):
    with pytest.raises(ValueError):
      tflite_player.load(tmp_path / name)
