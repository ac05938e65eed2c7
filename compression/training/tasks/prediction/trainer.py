"""The network of `dpcm_mlp` in floats, as a Keras model, and its training.

Windows predict the pixel that they belong to. What bits a residual takes depends on how large those
around it are, which tables of the codec adapt to; so the loss is, summed over the planes,

    mean of |f - f^| / (1 + D / 2 + mean difference in the window)

rather than a square, which a few edges would be most of. The average of the weights is then rounded
to the integers of `codecs/dpcm/network.py`.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from compression.codecs.dpcm import network as network_lib
from compression.codecs.dpcm.window import PLANES
from compression.codecs.model_folders import CODEC_KEY, CONFIG_FILE
from compression.common.files import atomic_write, make_folder
from compression.entropy.fixed_point import WEIGHT_LIMIT
from compression.training.experiment import MODEL
from compression.training.tasks.prediction.samples import TARGET, WEIGHT
from compression.training.trainer import Measures, Trainer

_FIRST = 0.05  # standard deviation of the first weights
_NOT_LIMITED = ("bias", "offset")
_PLANES = ("Y", "Co", "Cg")


class PredictionNetwork(tf.keras.Model):
  """See `codecs/dpcm/network.py`; `kernel_0`, ... are named as its arrays.

  Args:
    hidden: units.

  Call arguments:
    inputs: float32 [N, PLANES, 1, at least INPUTS], of `SampleSource`.

  Returns: the predictions less W, float32 [N, PLANES].
  """

  def __init__(self, hidden: int, **kwargs: Any):
    super().__init__(**kwargs)
    self.hidden = hidden
    self.named: dict[str, tf.Variable] = {}

  def build(self, input_shape: Any = None) -> None:
    del input_shape
    for plane in range(PLANES):
      count = network_lib.inputs(plane)
      shapes: dict[str, tuple[int, ...]] = {"kernel": (count, self.hidden)}
      shapes |= {"output": (self.hidden,), "skip": (count,), "bias": (self.hidden,), "offset": ()}
      for name, shape in shapes.items():
        spread = tf.keras.initializers.RandomNormal(stddev=_FIRST)
        first = spread if name in ("kernel", "output") else "zeros"
        key = f"{name}_{plane}"
        self.named[key] = self.add_weight(name=key, shape=shape, initializer=first)
    self.built = True

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    found = []
    for plane in range(PLANES):
      kernel, bias, skip, output, offset = (
        self.named[f"{name}_{plane}"] for name in ("kernel", "bias", "skip", "output", "offset")
      )
      values = inputs[:, plane, 0, : network_lib.inputs(plane)]
      hidden = tf.tanh(values @ kernel / 64 + bias)
      found.append(tf.linalg.matvec(values, skip) + 16 * tf.linalg.matvec(hidden, output) + offset)
    return tf.stack(found, 1)


class PredictionTrainer(Trainer):
  """Trains it with Keras' `fit`; after every step weights are cut off where integers end.

  Args:
    hidden: units.
    ema: decay of the average.
  """

  def __init__(self, hidden: int, ema: float, **kwargs: Any):
    network, averaged = PredictionNetwork(hidden), PredictionNetwork(hidden, name="averaged")
    for each in (network, averaged):
      each.build()
    super().__init__(network, averaged, ema, **kwargs)
    self.losses_by_plane = tf.keras.metrics.MeanTensor("losses", shape=[PLANES])

  def start_from(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes the weights of a model, in floats."""
    for network in (self.network, self.averaged):
      for name, variable in network.named.items():
        variable.assign(arrays[name])

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    errors = tf.abs(batch[:, :, 0, TARGET] - self.network(batch))
    losses = tf.reduce_mean(errors * batch[:, :, 0, WEIGHT], 0)
    return tf.reduce_sum(losses), losses

  def note(self, measured: Any) -> None:
    self.losses_by_plane.update_state(measured)

  def measures(self) -> Measures:
    """The loss, and that of each plane."""
    losses = self.losses_by_plane.result().numpy()
    loss = float(losses.sum())
    named = dict(zip(_PLANES, map(float, losses)))
    text = "  ".join(f"{name} {value:.4f}" for name, value in named.items())
    scalars = {"loss": loss, **{f"loss/{name}": value for name, value in named.items()}}
    return Measures(loss, f"loss {loss:.4f}  {text}", scalars)

  def limit_weights(self) -> None:
    limited = [v for n, v in self.network.named.items() if not n.startswith(_NOT_LIMITED)]
    self.clip(limited, WEIGHT_LIMIT)

  def names(self, network: tf.keras.Model) -> dict[str, tf.Variable]:
    return dict(network.named)

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average in integers as `folder`/model."""
    arrays = {name: variable.numpy() for name, variable in self.averaged.named.items()}
    folder = make_folder(folder / MODEL)
    with atomic_write(folder / network_lib.WEIGHTS_FILE) as file:
      np.savez_compressed(file, **network_lib.export(arrays))
    with atomic_write(folder / CONFIG_FILE) as file:
      file.write((json.dumps({CODEC_KEY: network_lib.KIND}, indent=2) + "\n").encode())
