"""Text and line art are no worse than in JPEG files of as many bytes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import compression
from compression import metrics
from compression.codecs import targets
from compression.codecs.recurrent.codec import RecurrentCodec

WIDTH, HEIGHT = 320, 176
WORDS = "Full resolution image compression with recurrent neural networks 0123456789".split()
ITERATIONS = (8, 16)  # of fewer bytes there is no JPEG


def text() -> np.ndarray:
  picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
  pen = ImageDraw.Draw(picture)
  rng = np.random.default_rng(1)
  y = 4
  for size in (11, 14, 18, 24):
    for _ in range(2):
      line = " ".join(rng.choice(WORDS, 12))
      pen.text((4, y), line, fill="black", font=ImageFont.load_default(size))
      y += size + 4
  return np.array(picture)


def line_art() -> np.ndarray:
  picture = Image.new("RGB", (WIDTH, HEIGHT), (250, 248, 240))
  pen = ImageDraw.Draw(picture)
  rng = np.random.default_rng(2)
  for _ in range(40):
    ends = [int(end) for end in rng.uniform(0, 1, 4) * (WIDTH, HEIGHT, WIDTH, HEIGHT)]
    pen.line(ends, fill=(20, 20, 60), width=int(rng.integers(1, 4)))
  for _ in range(8):
    x, y, side = (int(value) for value in rng.integers(10, 150, 3))
    pen.ellipse((x, y, x + side, y + side), outline=(140, 20, 20), width=2)
  return np.array(picture)


@pytest.mark.parametrize("name", ["mobile", "residual_gru"])
@pytest.mark.parametrize("draw", [text, line_art])
def test_drawings_are_no_worse_than_in_jpeg(draw, name: str) -> None:
  image = draw()
  codec, jpeg = compression.load(name), compression.load("jpeg420")
  assert isinstance(codec, RecurrentCodec)
  data = codec.compress(image, max(ITERATIONS))
  images = dict(enumerate(codec.progressive(data), 1))
  for iterations in ITERATIONS:
    ours, decoded = codec.prefix(data, iterations), images[iterations]
    theirs = targets.to_size(jpeg, image, len(ours)).data
    assert 0.7 * len(ours) < len(theirs) <= len(ours)
    other = jpeg.decompress(theirs)
    for metric in (metrics.psnr, metrics.ms_ssim, metrics.psnr_hvs):
      assert metric(image, decoded) >= metric(image, other), (iterations, metric)
