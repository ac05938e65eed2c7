"""How close two images are: PSNR and MS-SSIM.

Importing this loads no TensorFlow; only calling `ms_ssim` does.
"""

from compression.metrics.ms_ssim import ms_ssim
from compression.metrics.psnr import psnr

__all__ = ["ms_ssim", "psnr"]
