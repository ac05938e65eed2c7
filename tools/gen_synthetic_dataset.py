"""Makes a data set of synthetic codes, as the 2017 release's `gen_synthetic_dataset.py` did.

  python tools/gen_synthetic_dataset.py --dataset_dir=D [--count=1000] [--seed=0]

Writes D/synthetic_dataset, a TFRecord file of codes [35, 48, 8], for which an ideal entropy coder
needs 0.72 bits per bit; and beside it the release's configurations for a model of them:
input_config.json, train_config.json and model_config.json. Existing files are replaced, as the
release did.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any

from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.common import program
from compression.common.files import atomic_write, check_output, make_folder

DATASET = "synthetic_dataset"

CONFIGS: dict[str, dict[str, Any]] = {
  "train_config.json": {
    "batch_size": 4,
    "learning_rate": 0.1,
    "decay_rate": 0.9,
    "samples_per_decay": 20000,
  },
  "model_config.json": {"layer_depth": 2, "layer_count": 4},
}
"""Those of the release for its synthetic data."""

_DATASET_DIR = flags.DEFINE_string("dataset_dir", None, "the folder to write to; made if need be")
_COUNT = flags.DEFINE_integer("count", 1000, "how many codes", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "of everything that is random", lower_bound=0)


def main(argv: list[str]) -> None:
  (name,) = program.require(argv, _DATASET_DIR)
  folder = make_folder(name)
  dataset = folder / DATASET
  # Absolute, so that it holds wherever a training is started.
  input_config = {"data": os.path.abspath(dataset), "unique_code_size": True}
  configs = {"input_config.json": input_config, **CONFIGS}
  for file in (DATASET, *configs):
    check_output(folder / file, overwrite=True)

  from compression.datasets.codes import write_codes
  from compression.datasets.synthetic_codes import ENTROPY, SHAPE, synthetic_codes

  count = write_codes(dataset, synthetic_codes(_COUNT.value, _SEED.value))
  for file, config in configs.items():
    with atomic_write(folder / file) as output:
      output.write((json.dumps(config, indent=2) + "\n").encode())
  shape = "x".join(map(str, SHAPE))
  print(
    f"{dataset}: {count} codes of {shape} bits, {ENTROPY:.2f} bits per bit, "
    f"{dataset.stat().st_size} bytes; {len(configs)} configurations beside it"
  )


if __name__ == "__main__":
  program.run(main)
