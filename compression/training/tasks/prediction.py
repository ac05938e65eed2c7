"""Photos -> the network of `dpcm_mlp`: a few minutes of small matrices, without checkpoints.

Windows of random pixels of many photos, with the errors that rounding leaves in them at a random
step of the codec, predict those pixels. What bits a residual takes depends on how large those
around it are, which tables of the codec adapt to; so the loss is

    mean of |f - f^| / (1 + D / 2 + mean difference in the window)

rather than a square, which a few edges would be most of. The float weights of the average of the
last half of the steps are then rounded to the integers of `codecs/dpcm/network.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.dpcm import network
from compression.codecs.dpcm.codec import SETTINGS, steps_of
from compression.codecs.dpcm.window import OWN, PLANES, Layout
from compression.codecs.model_folders import CODEC_KEY, CONFIG_FILE
from compression.common.errors import ConfigError
from compression.common.files import atomic_folder
from compression.entropy.fixed_point import WEIGHT_LIMIT
from compression.images.colour import to_ycocg

FILES = (network.WEIGHTS_FILE, CONFIG_FILE)
"""Of a model's folder."""

PIXELS_OF_A_PHOTO = 1000
_BATCH = 4096
_RATE = 0.003  # of Adam, down to 0 along half a cosine
_FIRST = 0.05  # standard deviation of the first weights
_REPORTS = 10  # in a training
_STEPS = np.stack([steps_of(int(step)) for step in SETTINGS])  # of each plane, at each setting


class Samples(NamedTuple):
  """Windows int16 [n, COLUMNS] and the pixels int16 [n] that they belong to, of one plane."""

  windows: np.ndarray
  pixels: np.ndarray


def sample(images: Iterable[np.ndarray], seed: int) -> list[Samples]:
  """Random pixels of photos, uint8 [H, W, 3], for each plane.

  Raises:
    ConfigError: if there are no photos.
  """
  rng = np.random.default_rng(seed)
  found: list[list[Samples]] = [[] for _ in range(PLANES)]
  for image in images:
    layout = Layout(*image.shape[:2])
    values = layout.bordered(to_ycocg(image))
    inside = layout.inside(np.arange(values.size))
    for plane, samples in enumerate(found):
      cells = rng.choice(inside[plane].ravel(), PIXELS_OF_A_PHOTO)
      windows = layout.windows(values, cells).astype(np.int16)
      samples.append(Samples(windows, values[cells].astype(np.int16)))
  if not found[0]:
    raise ConfigError("there are no photos to learn from")
  return [Samples(*map(np.concatenate, zip(*samples))) for samples in found]


def train(
  samples: list[Samples], hidden: int, steps: int, seed: int, say: Callable[[str], None]
) -> dict[str, np.ndarray]:
  """The weights, float, by the names of `network.export`.

  Args:
    samples: of each plane.
    hidden: units.
    steps: of training.
    say: takes lines about how it goes.
  """
  rng = np.random.default_rng(seed)
  variables = {}
  for plane in range(PLANES):
    count = network.inputs(plane)
    shapes = {"kernel": (count, hidden), "output": (hidden,), "skip": (count,)}
    shapes |= {"bias": (hidden,), "offset": ()}
    for name, shape in shapes.items():
      first = rng.normal(0, _FIRST, shape) if name in ("kernel", "output") else np.zeros(shape)
      variables[f"{name}_{plane}"] = tf.Variable(first, dtype=tf.float32, name=f"{name}_{plane}")
  schedule = tf.keras.optimizers.schedules.CosineDecay(_RATE, steps)
  optimizer = tf.keras.optimizers.Adam(schedule)
  optimizer.build(list(variables.values()))

  @tf.function
  def step(batch: list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    with tf.GradientTape() as tape:
      losses = [
        tf.reduce_mean(tf.abs(target - predict(variables, plane, values)) * weight)
        for plane, (values, target, weight) in enumerate(batch)
      ]
      loss = tf.add_n(losses)
    gradients = tape.gradient(loss, list(variables.values()))
    optimizer.apply_gradients(zip(gradients, variables.values()))
    for name, variable in variables.items():
      if not name.startswith(("bias", "offset")):
        variable.assign(tf.clip_by_value(variable, -WEIGHT_LIMIT, WEIGHT_LIMIT))
    return tf.stack(losses)

  average = {name: np.zeros(variable.shape) for name, variable in variables.items()}
  averaged, losses = 0, []
  for number in range(steps):
    losses.append(step([_batch(rng, plane, part) for plane, part in enumerate(samples)]).numpy())
    if number >= steps // 2:
      averaged += 1
      for name, variable in variables.items():
        average[name] += (variable.numpy() - average[name]) / averaged
    if (number + 1) % max(1, steps // _REPORTS) == 0:
      light, orange, green = np.mean(losses, 0)
      say(f"step {number + 1}: loss {light:.4f} of Y, {orange:.4f} of Co, {green:.4f} of Cg")
      losses = []
  return average


def predict(variables: dict[str, tf.Tensor], plane: int, values: tf.Tensor) -> tf.Tensor:
  """The prediction less W, float32 [n], of inputs float32 [n, inputs]: see `network`."""
  kernel, bias, skip, output, offset = (
    variables[f"{name}_{plane}"] for name in ("kernel", "bias", "skip", "output", "offset")
  )
  hidden = tf.tanh(values @ kernel / 64 + bias)
  return tf.linalg.matvec(values, skip) + 16 * tf.linalg.matvec(hidden, output) + offset


def save(
  weights: dict[str, np.ndarray], folder: str | os.PathLike[str], overwrite: bool = False
) -> None:
  """Writes a model's folder, whole or not at all; raises OutputError as `atomic_folder`."""
  with atomic_folder(folder, overwrite, FILES) as new:
    np.savez_compressed(new / network.WEIGHTS_FILE, **network.export(weights))
    text = json.dumps({CODEC_KEY: network.KIND}, indent=2) + "\n"
    (new / CONFIG_FILE).write_text(text, "utf-8")


def _batch(
  rng: np.random.Generator, plane: int, samples: Samples
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Inputs, what the prediction less W should be, and the weights of the loss, float32."""
  chosen = rng.integers(0, len(samples.pixels), _BATCH)
  windows = samples.windows[chosen].astype(np.float32)
  steps = _STEPS[rng.integers(0, len(_STEPS), _BATCH)]
  columns = [plane] * len(OWN)
  for before in range(1, PLANES):
    columns += [max(plane - before, 0)] * ((windows.shape[1] - len(OWN)) // (PLANES - 1))
  noise = rng.random(windows.shape, np.float32) - np.float32(0.5)
  windows += np.rint(noise * (steps[:, columns] - 1))
  first, second = network.differences(plane)
  values = np.empty([_BATCH, network.inputs(plane)], np.float32)
  values[:, :-1] = windows[:, first] - windows[:, second]
  values[:, -1] = [network.step_input(int(step)) for step in steps[:, plane]]
  own = values[:, : len(OWN) - 1]
  weight = 1 / (1 + steps[:, plane] / 2 + np.abs(own).mean(1))
  west = windows[:, OWN.index((0, -1))]
  return values, samples.pixels[chosen] - west, weight.astype(np.float32)
