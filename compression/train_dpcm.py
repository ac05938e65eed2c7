"""Trains the network of the codec dpcm_mlp on photos.

  python -m compression.train_dpcm --train_glob='photos/*.jpg' --train_dir=run
  python -m compression.compress photo.png --model=run/model --setting=1

It takes minutes, and keeps nothing to go on from. The result is the folder run/model.
"""

from __future__ import annotations

import pathlib

from absl import flags

from compression.common import program
from compression.common.files import check_folder

_TRAIN_GLOB = flags.DEFINE_string("train_glob", None, "a pattern of photos")
_TRAIN_DIR = flags.DEFINE_string("train_dir", None, "the folder of the run, made if need be")
_HIDDEN = flags.DEFINE_integer("hidden", 32, "units of the hidden layer", 1, 64)
_STEPS = flags.DEFINE_integer("steps", 12000, "steps of training", 1)
_SEED = flags.DEFINE_integer("seed", 0, "of everything that is random", 0, 2**32 - 1)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the model of an earlier run")


def main(argv: list[str]) -> None:
  pattern, folder = program.require(argv, _TRAIN_GLOB, _TRAIN_DIR)
  model = pathlib.Path(folder) / "model"
  files = program.expand([pattern])

  from compression.images.photos import read_photo
  from compression.training import console
  from compression.training.tasks import prediction

  check_folder(model, _OVERWRITE.value, prediction.FILES)
  samples = prediction.sample((read_photo(file).image for file in files), _SEED.value)
  weights = prediction.train(samples, _HIDDEN.value, _STEPS.value, _SEED.value, console.say)
  prediction.save(weights, model, _OVERWRITE.value)


if __name__ == "__main__":
  program.run(main)
