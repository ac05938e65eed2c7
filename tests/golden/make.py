"""Makes the golden vectors beside it, with `reference.py` and without the package:

    python tests/golden/make.py

One folder for each unit and framework, `<unit>_<framework>`, at width 1/32:

    config.json    the configuration
    encoder.npz    weights, float16, random, of few distinct values so that they compress
    decoder.npz
    io.npz         image            uint8 [H, W, 3]
                   codes            uint8 [T, H/16, W/16, bits / 8], packed, 1 is +1
                   binarizer_input  float32 [T, H/16, W/16, bits], the tanh before the sign
                   output           float32 [T, ceil(H/3), ceil(W/3), 3], every third row and column
                                    of the reconstruction after each iteration

No tanh is within MARGIN of 0, so that no rounding error changes a bit.
"""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import reference

WIDTH = 1 / 32
ITERATIONS = 3
HEIGHT, WIDTH_OF_IMAGE = 32, 48  # one and a half blocks of 32x32, each with its gain
MARGIN = 1e-3
FIRST_SEED = 20170704

# What differs between the goldens besides unit and framework.
VARIANTS = {
  "one_shot": {"bits": 32, "pixel_range": 1.0, "use_bias": False},
  "additive": {"bits": 16, "pixel_range": 0.9, "use_bias": True},
  "residual_scaling": {"bits": 8, "pixel_range": 1.0, "use_bias": False},
}

# Kernels have GAINS**2 / fan-in as variance: so large that codes and images are lively.
GAINS = {"lstm": 4, "associative_lstm": 5, "gru": 2, "residual_gru": 2}

# Seven in eight weights of the gain estimator are 0, which saves space.
ESTIMATOR_SPARSITY = 8

# Kernels of a cell: name, [size, depth in, depth out] from its k, k', input depth c and depth d.
CELL_KERNELS = {
  "lstm": lambda k, kh, c, d: {"input": (k, c, 4 * d), "hidden": (kh, d, 4 * d)},
  "associative_lstm": lambda k, kh, c, d: {
    "input": (k, c, 9 * d // 2),
    "hidden": (kh, d, 9 * d // 2),
  },
  "gru": lambda k, kh, c, d: {
    "input": (k, c, 3 * d),
    "gates": (kh, d, 2 * d),
    "candidate": (kh, d, d),
  },
  "residual_gru": lambda k, kh, c, d: {
    "input": (k, c, 3 * d),
    "gates": (kh, d, 2 * d),
    "candidate": (kh, d, d),
    "hidden_skip": (1, d, d),
    "input_skip": (1, c, d),
  },
}


def kernel_shapes(unit: str, framework: str, bits: int) -> dict[str, tuple[int, int, int]]:
  """The table of the paper at this width."""

  def deep(full: int) -> int:
    return int(full * WIDTH)

  encoder_unit = "lstm" if unit == "associative_lstm" else unit
  shapes = {"encoder/conv": (3, 3, deep(64))}
  rows = [(64, 256, 1), (256, 512, 1), (512, 512, 1)]
  for index, (before, depth, hidden) in enumerate(rows):
    kernels = CELL_KERNELS[encoder_unit](3, hidden, deep(before), deep(depth))
    shapes.update({f"encoder/rnn{index + 1}/{name}": kernels[name] for name in kernels})
  shapes["encoder/binarizer"] = (1, deep(512), bits)
  shapes["decoder/conv_in"] = (1, bits, deep(512))
  rows = [(512, 512, 1), (128, 512, 1), (128, 256, 3), (64, 128, 3)]
  for index, (before, depth, hidden) in enumerate(rows):
    kernels = CELL_KERNELS[unit](3, hidden, deep(before), deep(depth))
    shapes.update({f"decoder/rnn{index + 1}/{name}": kernels[name] for name in kernels})
  shapes["decoder/conv_out"] = (1, deep(32), 3)
  if framework == "residual_scaling":
    depths = (3, 32, 32, 32, 32, 1)
    for index in range(5):
      shapes[f"gain_estimator/conv{index + 1}"] = (3, depths[index], depths[index + 1])
  return shapes


def coarse(values: np.ndarray, deviation: float) -> np.ndarray:
  """Rounded to half the deviation or more, a power of two: exact in float16, and few values."""
  step = 2.0 ** math.floor(math.log2(deviation))
  return (np.round(values * deviation / step) * step).astype(np.float16)


def random_weights(
  rng: np.random.Generator, unit: str, framework: str, bits: int, use_bias: bool
) -> dict[str, np.ndarray]:
  """Kernels as GAINS says, those of the gain estimator smaller; biases where the codec has some."""
  arrays = {}
  for name, (size, depth_in, depth_out) in kernel_shapes(unit, framework, bits).items():
    shape = (size, size, depth_in, depth_out)
    is_estimator = name.startswith("gain_estimator/")
    scale = math.sqrt(ESTIMATOR_SPARSITY) if is_estimator else GAINS[unit]
    arrays[name] = coarse(rng.standard_normal(shape), scale / math.sqrt(size * size * depth_in))
    layer, _, own_name = name.rpartition("/")
    is_cell = layer.split("/")[-1].startswith("rnn")
    if is_estimator:
      arrays[name][rng.random(shape) > 1 / ESTIMATOR_SPARSITY] = 0
      arrays[f"{name}/bias"] = coarse(rng.standard_normal(depth_out), 0.25)
    elif use_bias and not is_cell:
      arrays[f"{name}/bias"] = coarse(rng.standard_normal(depth_out), 0.25)
    elif use_bias and own_name == "input":
      arrays[f"{layer}/bias"] = coarse(rng.standard_normal(depth_out), 0.25)
  return arrays


def random_image(rng: np.random.Generator) -> np.ndarray:
  """Slopes and noise, with black and white in it; of few values, which saves space."""
  y, x, c = np.mgrid[:HEIGHT, :WIDTH_OF_IMAGE, :3]
  slopes = 128 + 100 * np.sin(y / 5 + c) * np.cos(x / 9 - c)
  noisy = slopes + rng.normal(0, 40, slopes.shape)
  return np.clip(np.round(noisy / 51) * 51, 0, 255).astype(np.uint8)


def is_lively(done: list[reference.Iteration]) -> bool:
  """Whether errors would show: no bit near its threshold, codes that change, not saturated."""
  u, b, x_hat = (np.stack(column) for column in zip(*done))
  changing = all((before != after).mean() > 0.05 for before, after in zip(b, b[1:]))
  return np.abs(u).min() > MARGIN and np.abs(u).mean() < 0.9 and changing and 0.1 < x_hat.std() < 2


def make(folder: pathlib.Path, unit: str, framework: str) -> None:
  """Writes one golden."""
  variant = VARIANTS[framework]
  config = {
    "unit": unit,
    "framework": framework,
    "width": WIDTH,
    "iterations": ITERATIONS,
    **variant,
  }
  seed, done = FIRST_SEED, None
  while done is None:
    rng = np.random.default_rng(seed)
    arrays = random_weights(rng, unit, framework, variant["bits"], variant["use_bias"])
    image = random_image(rng)
    codec = reference.RecurrentCodec(arrays, unit, framework, variant["pixel_range"])
    done = codec.run(codec.to_x(image[np.newaxis]), ITERATIONS)
    if not is_lively(done):
      seed, done = seed + 1, None
  u, b, output = (np.stack([parts[0] for parts in column]) for column in zip(*done))

  folder.mkdir(parents=True, exist_ok=True)
  (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
  for part in ("encoder", "decoder"):
    is_part = {name: name.startswith("encoder/") == (part == "encoder") for name in arrays}
    members = {name: arrays[name] for name in arrays if is_part[name]}
    np.savez_compressed(folder / f"{part}.npz", **members)
  np.savez_compressed(
    folder / "io.npz",
    image=image,
    codes=np.packbits(b > 0, axis=-1),
    binarizer_input=u.astype(np.float32),
    output=output[:, ::3, ::3].astype(np.float32),
  )
  print(f"{folder.name}: seed {seed}, output {output.std():.2f}, u {np.abs(u).mean():.2f}")


def main() -> None:
  """Every unit with every framework."""
  for unit in CELL_KERNELS:
    for framework in VARIANTS:
      make(pathlib.Path(__file__).resolve().parent / f"{unit}_{framework}", unit, framework)


if __name__ == "__main__":
  main()
