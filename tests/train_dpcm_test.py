"""`python -m compression.train_dpcm`: photos to a model that the other programs take."""

from __future__ import annotations

import pathlib

from tests import programs

PROGRAM = "compression.train_dpcm"


def test_its_model_compresses_and_what_it_made_knows_that(photo_folder: pathlib.Path) -> None:
  flags = ["--train_glob=photo.png", "--train_dir=run", "--steps=3", "--hidden=2"]
  status, out, _ = programs.call(PROGRAM, photo_folder, *flags)
  assert status == 0 and out.splitlines()[-1].startswith("step 3: loss ")
  programs.refuses(PROGRAM, photo_folder, "run/model: exists already; --overwrite", *flags)
  flags = ["photo.png", "--model=run/model", "--setting=1"]
  status, _, err = programs.call("compression.compress", photo_folder, *flags)
  assert status == 0, err
  assert (photo_folder / "photo.dmlp").stat().st_size < 165 * 213 * 3


def test_what_is_wrong_is_one_line(photo_folder: pathlib.Path) -> None:
  programs.refuses(PROGRAM, photo_folder, "--train_dir is missing", "--train_glob=*", status=2)
  flags = ["--train_glob=none*.jpg", "--train_dir=run"]
  programs.refuses(PROGRAM, photo_folder, "none*.jpg", *flags)
