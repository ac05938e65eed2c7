"""Losses as users write them."""

from __future__ import annotations

import pytest

from compression.common.errors import ConfigError
from compression.training.terms import NAMES, Terms


def test_a_sum_has_weights_by_name() -> None:
  assert Terms.parse("l1") == Terms({"l1": 1.0})
  assert Terms.parse("log_mse:0.75, ms_ssim:2") == Terms({"log_mse": 0.75, "ms_ssim": 2.0})


@pytest.mark.parametrize("name", NAMES)
def test_only_sums_of_decibels_are_in_decibels(name: str) -> None:
  assert Terms.parse(name).in_decibels == (name not in ("l1", "ssim_l1", "mse"))
  assert not Terms.parse("log_mse,l1:0.1").in_decibels


@pytest.mark.parametrize(
  "text", ["", "l2", "l1,", "l1:", "l1:x", "l1:0", "l1:-1", "l1:nan", "l1:inf", "l1,l1:2", "l1:1:2"]
)
def test_what_is_no_sum_is_refused_with_the_names(text: str) -> None:
  with pytest.raises(ConfigError, match="of l1, ssim_l1, mse, log_mse, ms_ssim, psnr_hvs: "):
    Terms.parse(text)
