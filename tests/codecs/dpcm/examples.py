"""A network with weights that nothing trained."""

from __future__ import annotations

import json
import pathlib

import numpy as np

from compression.codecs.dpcm import network
from compression.codecs.dpcm.window import PLANES


def weights(seed: int = 0, hidden: int = 5) -> dict[str, np.ndarray]:
  """Floats, as training has them: near the mean of two neighbours."""
  rng = np.random.default_rng(seed)
  made = {}
  for plane in range(PLANES):
    count = network.inputs(plane)
    made[f"kernel_{plane}"] = rng.normal(0, 0.5, (count, hidden))
    made[f"bias_{plane}"] = rng.normal(0, 0.5, hidden)
    made[f"skip_{plane}"] = np.r_[0.5, rng.normal(0, 0.05, count - 1)]
    made[f"output_{plane}"] = rng.normal(0, 0.05, hidden)
    made[f"offset_{plane}"] = rng.normal(0, 0.5, ())
  return made


def write_model(folder: pathlib.Path, seed: int = 0) -> pathlib.Path:
  """A model's folder."""
  folder.mkdir()
  np.savez(folder / network.WEIGHTS_FILE, **network.export(weights(seed)))
  (folder / "config.json").write_text(json.dumps({"codec": network.KIND}))
  return folder
