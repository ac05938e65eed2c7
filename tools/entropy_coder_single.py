"""How much an entropy coder saves on the codes of one image: the 2017 release's program.

  python tools/entropy_coder_single.py --input_codes=C.npz --checkpoint=run
      [--model=progressive] [--model_config=J]

C.npz is a file of encoder.py. The checkpoint is the folder of a training run, or one checkpoint in
its folder `checkpoints`, without the ending. Prints the mean code length in bits per bit, of each
iteration and of all, and how many times smaller the codes become. Lengths are those of the trained
network in floating point; files are at most a thousandth larger.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs.recurrent import folders
from compression.common import program
from compression.common.errors import FormatError, ModelError
from compression.datasets.code_archives import read_codes

_MODEL = flags.DEFINE_string("model", None, "the probability model (default: the run's)")
_MODEL_CONFIG = flags.DEFINE_string("model_config", None, "its JSON file (default: the run's)")
_INPUT_CODES = flags.DEFINE_string("input_codes", None, "the file of codes")
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "the folder of a run, or a checkpoint in it")


def main(argv: list[str]) -> None:
  source, checkpoint = program.require(argv, _INPUT_CODES, _CHECKPOINT)
  if (_MODEL.value is None) != (_MODEL_CONFIG.value is None):
    raise program.UsageError("--model and --model_config go together")
  codes = read_codes(source)
  folder, prefix = _find(pathlib.Path(checkpoint))
  name, config = _architecture(folder)
  layers, depth = len(codes.bits), codes.bits.shape[-1]
  if depth != config.layer_depth or layers > config.layer_count:
    raise FormatError(
      f"{source}: has {layers} iterations of {depth} bits; the model knows"
      f" {config.layer_count} of {config.layer_depth}"
    )

  lengths = _code_lengths(name, config, prefix, codes.bits)
  for number, length in enumerate(lengths, 1):
    print(f"iteration {number:2}: {length:.4f} bits per bit")
  mean = float(np.mean(lengths))
  print(f"code length: {mean:.4f} bits per bit")
  print(f"additional compression ratio: {1 / mean:.4f}")


def _find(checkpoint: pathlib.Path) -> tuple[pathlib.Path, str]:
  """The folder of a run, and the checkpoint: the one named, or the run's last one."""
  import tensorflow as tf

  from compression.training.config import CHECKPOINTS

  if not checkpoint.is_dir():
    if not checkpoint.with_name(checkpoint.name + ".index").is_file():
      raise ModelError(f"{checkpoint}: no such checkpoint or folder")
    return checkpoint.parent.parent, str(checkpoint)
  latest = tf.train.latest_checkpoint(str(checkpoint / CHECKPOINTS))
  if latest is None:
    raise ModelError(f"{checkpoint}: has no checkpoint")
  return checkpoint, latest


def _architecture(folder: pathlib.Path) -> tuple[str, Any]:
  """The name and the configuration of the model, from the flags or from the run."""
  from compression.entropy.bits import learned, models
  from compression.training.tasks.bits import config as config_lib

  if _MODEL.value is not None:
    kind = models.find(_MODEL.value).config
    return _MODEL.value, config_lib.read(str(_MODEL_CONFIG.value), kind)
  return learned.read_config(folder / folders.ENTROPY_CODER_FOLDER)


def _code_lengths(name: str, config: Any, prefix: str, bits: np.ndarray) -> np.ndarray:
  """Bits per bit, float [T]."""
  import tensorflow as tf

  from compression.datasets.codes import from_layers
  from compression.entropy.bits import networks

  network = networks.make(name, config)
  try:
    status = tf.train.Checkpoint(averaged=network).restore(prefix)
    status.assert_existing_objects_matched().expect_partial()  # what else is in it is not needed
  except (AssertionError, ValueError, tf.errors.OpError) as error:
    raise ModelError(f"{prefix}: is not a checkpoint of this model") from error
  codes = tf.constant(from_layers(bits)[np.newaxis], tf.float32)
  return network(codes).code_lengths.numpy()


if __name__ == "__main__":
  program.run(main)
