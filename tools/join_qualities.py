"""Makes one model of several qualities out of runs of training, one lambda each.

  python -m tools.join_qualities --models=1/model,2/model,3/model --output=model

Their order does not matter: quality 1 is that of the lowest lambda. Files that were made with the
runs' own models stay good with the new one, whatever the number of their quality there.
"""

from __future__ import annotations

import pathlib

from absl import flags

from compression.codecs import model_folders, qualities
from compression.codecs.model_folders import CONFIG_FILE
from compression.common import program
from compression.common.errors import OutputError

_MODELS = flags.DEFINE_string("models", None, "folders of models of one codec, commas between")
_OUTPUT = flags.DEFINE_string("output", None, "the folder of the new model, made if need be")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace a model that is there")


def main(argv: list[str]) -> None:
  names, output = program.require(argv, _MODELS, _OUTPUT)
  folder = pathlib.Path(output)
  if (folder / CONFIG_FILE).exists() and not _OVERWRITE.value:
    raise OutputError(f"{folder}: exists already; --overwrite replaces it")
  models = [model_folders.find(name) for name in names.split(",")]
  config = qualities.join(models, model_folders.codec_of(models[0]), folder)
  for number, (lmbda, digits) in enumerate(zip(config.lambdas, config.ids), 1):
    print(f"quality {number}: lambda {lmbda:g}, id {digits}")


if __name__ == "__main__":
  program.run(main)
