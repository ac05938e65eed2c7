"""What every training is told: values, files, and what a run that goes on may change."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from compression.common.errors import ConfigError, ModelError
from compression.training import config as config_lib
from compression.training.config import LoopConfig, read, refuse_changes


@pytest.mark.parametrize(
  ("key", "value"),
  [
    ("steps", 0),
    ("steps", True),
    ("steps", 2.0),
    ("checkpoint_steps", "many"),
    ("clip_norm", -1.0),
    ("clip_norm", float("nan")),
    ("ema", -0.5),
    ("ema", 1),
    ("seed", 2**32),
    ("distribution", "tpu"),
    ("init", None),
  ],
)
def test_values_that_are_not_allowed_are_refused_by_name(key: str, value: object) -> None:
  with pytest.raises(ConfigError, match=key):
    LoopConfig(**{key: value})


def test_a_file_that_cannot_be_read_is_named(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ConfigError, match="missing.json"):
    read(tmp_path / "missing.json")
  for content in (b"{", b"\xff\xfe\x00"):
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ConfigError, match="broken.json: is not JSON"):
      read(tmp_path / "broken.json")


def test_a_run_goes_on_with_what_it_was_begun_with(tmp_path: pathlib.Path) -> None:
  old = LoopConfig().to_dict()
  others = {
    "steps": 2, "checkpoint_steps": 3, "clip_norm": 4.0, "ema": 0.5, "seed": 6,
    "distribution": "mirrored", "init": "x",
  }  # fmt: skip
  assert others.keys() == old.keys()
  for key, value in others.items():
    changed = {**old, key: value}
    if key in config_lib.MAY_CHANGE:
      refuse_changes(tmp_path, old, changed, config_lib.MAY_CHANGE)
    else:
      with pytest.raises(ModelError, match=f"begun with {key} {old[key]!r} .*with {value!r}"):
        refuse_changes(tmp_path, old, changed, config_lib.MAY_CHANGE)


def test_a_run_is_begun_with_its_first_checkpoint(tmp_path: pathlib.Path) -> None:
  (tmp_path / config_lib.CHECKPOINTS).mkdir()
  assert not config_lib.is_begun(tmp_path)
  (tmp_path / config_lib.CHECKPOINTS / "checkpoint").touch()
  assert config_lib.is_begun(tmp_path)


def test_configurations_need_no_tensorflow() -> None:
  modules = ", ".join(f"compression.training.tasks.{task}.config" for task in ("recurrent", "bits"))
  code = f"import sys, {modules}; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
