"""How close two images are, and how good a codec is over its rates.

    psnr, ssim, ms_ssim, psnr_hvs, psnr_hvs_m     of images
    lpips.lpips, nima.nima                        of images, by networks whose weights are elsewhere
    table                                         all that evaluations measure, by name
    area_under_curve, bd_rate, bd_psnr            of points (bits per pixel, quality)

Importing this loads no TensorFlow; only calling what needs networks, `ssim` and `ms_ssim` does.
"""

from compression.metrics.bjontegaard import bd_psnr, bd_rate
from compression.metrics.curves import CurveError, area_under_curve
from compression.metrics.ms_ssim import ms_ssim
from compression.metrics.psnr import psnr
from compression.metrics.psnr_hvs import psnr_hvs, psnr_hvs_m
from compression.metrics.ssim import ssim

__all__ = [
  "CurveError",
  "area_under_curve",
  "bd_psnr",
  "bd_rate",
  "ms_ssim",
  "psnr",
  "psnr_hvs",
  "psnr_hvs_m",
  "ssim",
]
