"""Every metric by name, for programs, tables and plots: another one is another entry of METRICS."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from compression.common.errors import CompressionError, ModelError
from compression.metrics import lpips as lpips_lib
from compression.metrics import nima as nima_lib
from compression.metrics.ms_ssim import MIN_SIDE, decibels, ms_ssim
from compression.metrics.psnr import psnr
from compression.metrics.psnr_hvs import BLOCK, psnr_hvs, psnr_hvs_m


class Metric(NamedTuple):
  """How two images are compared, and how that is shown.

  Attributes:
    name: in flags, columns and names of files.
    label: of what is drawn, for axes and tables.
    measure: (original, compared), uint8 [H, W, 3] -> what `float` takes.
    scale: value -> what is drawn, of which more is better.
    min_side: of the images that it takes.
    check: raises ModelError if what it needs is not here.
    uses_original: whether it looks at the original.
    identity: what values depend on beside the images: versions, weights.
  """

  name: str
  label: str
  measure: Callable[[Any, Any], Any]
  scale: Callable[[float], float] = float
  min_side: int = 1
  check: Callable[[], object] = lambda: None
  uses_original: bool = True
  identity: str = ""

  @property
  def title(self) -> str:
    """The label without its unit."""
    return self.label.replace(" (dB)", "")


def _decibels_of_distance(distance: float) -> float:
  """-10 log10 of it: infinity for none."""
  return -10 * math.log10(distance) if distance > 0 else math.inf


def _lpips(network: str, title: str) -> Metric:
  return Metric(
    name=f"lpips_{network}",
    label=f"LPIPS, {title} (dB)",
    measure=functools.partial(lpips_lib.lpips, network=network),
    scale=_decibels_of_distance,
    min_side=lpips_lib.MIN_SIDE,
    check=functools.partial(lpips_lib.read_weights, network),
    identity=f"weights 0.1 of {lpips_lib.PACKAGE}",
  )


METRICS = {
  metric.name: metric
  for metric in (
    Metric("psnr", "PSNR (dB)", psnr),
    Metric(
      "ms_ssim",
      "MS-SSIM (dB)",
      ms_ssim,
      decibels,
      min_side=MIN_SIDE,
    ),
    Metric("psnr_hvs", "PSNR-HVS (dB)", psnr_hvs, min_side=BLOCK),
    Metric("psnr_hvs_m", "PSNR-HVS-M (dB)", psnr_hvs_m, min_side=BLOCK),
    _lpips("alex", "AlexNet"),
    _lpips("vgg", "VGG16"),
  )
}
"""Those that need no file of the user's."""

ALWAYS = ("psnr", "ms_ssim", "psnr_hvs")
"""What every evaluation measures."""

NIMA = "nima"
"""As a name "nima:FILE", with the file of its weights."""

NAMES = (*METRICS, NIMA)


def find(name: str) -> Metric:
  """The metric of a name.

  Raises:
    CompressionError: if there is none.
  """
  kind, _, file = name.partition(":")
  if kind == NIMA:
    return _nima(file)
  if name not in METRICS:
    raise CompressionError(f"{name}: no such metric; there are {', '.join(NAMES)}")
  return METRICS[name]


def with_weights(names: Sequence[str], nima_weights: str | None) -> list[str]:
  """Names as users give them -> as `find` takes them: NIMA's with the file of its weights."""
  return [f"{NIMA}:{nima_weights or ''}" if name == NIMA else name for name in names]


def find_all(names: Sequence[str]) -> tuple[list[str], list[str]]:
  """Those names whose metrics can be measured here, without ALWAYS; and a line for each other one.

  Raises:
    CompressionError: if there is no such metric.
  """
  found, missing = [], []
  for name in dict.fromkeys(names):
    metric = find(name)
    try:
      metric.check()
    except ModelError as error:
      missing.append(f"{metric.name}: {error}")
    else:
      found += [name] if name not in ALWAYS else []
  return found, missing


def _nima(file: str) -> Metric:
  def check() -> None:
    if not file:
      raise ModelError("needs --nima_weights=FILE, the weights of MobileNet for NIMA")
    nima_lib.load(file)

  return Metric(
    name=NIMA,
    label="NIMA",
    measure=lambda original, compared: nima_lib.nima(compared, file),
    min_side=nima_lib.MIN_SIDE,
    check=check,
    uses_original=False,
    identity=f"MobileNet, {os.path.basename(file)}",
  )
