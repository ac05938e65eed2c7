"""The codecs that are trained on photos."""

from __future__ import annotations

import dataclasses

import pytest

from compression.codecs import registry
from compression.training.tasks.known import EXPERIMENTS, make_task


@pytest.mark.parametrize("codec", list(EXPERIMENTS))
def test_each_has_a_task_a_codec_and_settings_that_say_what_they_are(codec: str) -> None:
  registry.names()  # all are registered by now
  assert codec in registry._model_codecs
  experiment = EXPERIMENTS[codec]()
  assert experiment.codec == codec
  task = make_task(experiment)
  assert task.config is experiment.training and task.title
  for field in dataclasses.fields(experiment.training):
    assert field.metadata["help"], field.name
