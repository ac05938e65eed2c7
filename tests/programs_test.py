"""The command line as users meet it: each program in a process of its own, on real photos."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import compression
from compression import container
from compression.metrics import ms_ssim, psnr

ROOT = pathlib.Path(__file__).resolve().parent.parent

PEAK_MEMORY_KIB = 4 * 2**20


class Result(NamedTuple):
  """What a program left: exit status, stdout, stderr as text, and the peak of its memory."""

  status: int
  out: bytes
  err: str
  peak_kib: int

  def fails(self, status: int, *words: str) -> None:
    """Asserts a failure as it has to be: the status, and one line with these words."""
    assert self.status == status, self
    lines = self.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), self.err
    for word in words:
      assert word in lines[0], (word, lines[0])


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Run:
  """Runs `python -m compression.NAME`, or `tools/NAME.py`, in an empty folder."""

  def run(name: str, *args: str, stdin: bytes = b"") -> Result:
    tool = ROOT / "tools" / f"{name}.py"
    program = [str(tool)] if tool.exists() else ["-m", f"compression.{name}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
    with tempfile.TemporaryFile() as errors:
      process = subprocess.Popen(
        [sys.executable, *program, *args],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
      )
      assert process.stdin is not None and process.stdout is not None
      with process.stdin, process.stdout:
        process.stdin.write(stdin)
        process.stdin.close()
        out = process.stdout.read()
      _, status, usage = os.wait4(process.pid, 0)  # unlike wait(), it tells the peak of memory
      process.returncode = os.waitstatus_to_exitcode(status)
      errors.seek(0)
      err = errors.read().decode()
    return Result(process.returncode, out, err, usage.ru_maxrss)

  return run


@pytest.fixture
def photo_file(tmp_path: pathlib.Path, photo: np.ndarray) -> pathlib.Path:
  """A photo of odd size."""
  file = tmp_path / "photo.png"
  Image.fromarray(photo[40:205, 120:333]).save(file)
  return file


def _files(folder: pathlib.Path) -> set[str]:
  return {file.name for file in folder.iterdir()}


def _pixels(file: pathlib.Path) -> np.ndarray:
  with Image.open(file) as image:
    return np.asarray(image)


def test_a_photo_there_and_back(run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path) -> None:
  original = _pixels(photo_file)
  result = run("compress", "photo.png", "--iterations=6")
  assert (result.status, result.err) == (0, "")
  size = (tmp_path / "photo.rnic").stat().st_size
  line = result.out.decode()
  for part in ("photo.png -> photo.rnic", "213x165 pixels", f"{size} bytes", " bpp", ":1", " s"):
    assert part in line
  assert len(line.splitlines()) == 1

  result = run("info", "photo.rnic")
  assert result.status == 0
  for part in ("213x165", "residual_gru", "6 of 6", "whole", "none"):
    assert part in result.out.decode()

  result = run("decompress", "photo.rnic", "--all_iterations", "--output_dir=out")
  assert (result.status, result.err) == (0, "")
  assert _files(tmp_path / "out") == {f"photo_{t:02d}.png" for t in range(1, 7)}
  result = run("decompress", "photo.rnic", "--iterations=2", "--output=two.png")
  assert (result.status, result.err) == (0, "")
  np.testing.assert_array_equal(
    _pixels(tmp_path / "two.png"), _pixels(tmp_path / "out" / "photo_02.png")
  )
  quality = [
    float(psnr(original, _pixels(tmp_path / "out" / f"photo_{t:02d}.png"))) for t in (1, 2, 6)
  ]
  assert quality[0] > 20 and quality == sorted(quality)


def test_pipes(run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path) -> None:
  packed = run("compress", "-", "--iterations=2", stdin=photo_file.read_bytes())
  assert packed.status == 0
  assert "213x165 pixels" in packed.err  # stdout carries the file
  assert container.read(packed.out).damage is None
  restored = run("decompress", "-", stdin=packed.out)
  assert restored.status == 0
  assert Image.open(io.BytesIO(restored.out)).size == (213, 165)
  assert _files(tmp_path) == {"photo.png"}


def test_many_files_go_on_after_a_bad_one(
  run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path
) -> None:
  photo_file.rename(tmp_path / "c.png")
  Image.open(tmp_path / "c.png").convert("L").save(tmp_path / "a.jpg")
  (tmp_path / "b.png").write_bytes((tmp_path / "c.png").read_bytes()[:5000])
  result = run("compress", "*.png", "a.jpg", "gone.png", "--iterations=1")
  assert result.status == 1
  assert _files(tmp_path) == {"a.jpg", "a.rnic", "b.png", "c.png", "c.rnic"}
  assert len(result.out.decode().splitlines()) == 2
  errors = result.err.strip().splitlines()
  assert len(errors) == 2
  assert "b.png: the image is cut short" in errors[0] and "gone.png: no such file" in errors[1]


def test_targets(run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path) -> None:
  original = _pixels(photo_file)
  codec = compression.load()

  def compress(flag: str) -> bytes:
    result = run("compress", "photo.png", flag, "--output=-")
    assert result.status == 0 and len(result.err.splitlines()) == 1, result.err
    return result.out

  assert 0.4 < 8 * len(compress("--target_bpp=0.5")) / (213 * 165) <= 0.5
  assert 1000 < len(compress("--target_bytes=2000")) <= 2000
  assert float(psnr(original, codec.decompress(compress("--target_psnr=26")))) >= 26
  assert float(ms_ssim(original, codec.decompress(compress("--target_ms_ssim=0.95")))) >= 0.95


def test_a_cut_file_warns_and_a_damaged_one_is_refused(
  run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path
) -> None:
  assert run("compress", "photo.png", "--iterations=3").status == 0
  data = (tmp_path / "photo.rnic").read_bytes()
  (tmp_path / "cut.rnic").write_bytes(data[:-5])
  result = run("decompress", "cut.rnic")
  assert result.status == 0
  assert result.err == "warning: cut.rnic: cut short: 2 of 3 layers are whole\n"
  assert "2 of 3 iterations" in result.out.decode()
  (tmp_path / "cut.png").unlink()
  run("decompress", "cut.rnic", "--strict").fails(1, "cut.rnic: cut short: 2 of 3")
  broken = bytearray(data)
  broken[-5] ^= 1
  (tmp_path / "broken.rnic").write_bytes(broken)
  run("decompress", "broken.rnic").fails(1, "broken.rnic", "layer 3 of 3 is damaged")
  assert _files(tmp_path) == {"photo.png", "photo.rnic", "cut.rnic", "broken.rnic"}


def test_nothing_is_overwritten_unless_asked(
  run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path
) -> None:
  target = tmp_path / "photo.rnic"
  target.write_bytes(b"precious")
  run("compress", "photo.png").fails(1, "photo.rnic: exists already", "--overwrite")
  assert target.read_bytes() == b"precious"
  assert run("compress", "photo.png", "--overwrite", "--iterations=1").status == 0
  (tmp_path / "photo.png").write_bytes(b"precious")
  run("decompress", "photo.rnic").fails(1, "photo.png: exists already")
  assert (tmp_path / "photo.png").read_bytes() == b"precious"
  assert _files(tmp_path) == {"photo.png", "photo.rnic"}


def test_wrong_usage_is_one_line_and_status_2(run: Run, photo_file: pathlib.Path) -> None:
  run("compress").fails(2, "no file was named")
  run("compress", "photo.png", "--iterations=17").fails(2, "--iterations=17")
  run("compress", "photo.png", "--iterations=many").fails(2, "--iterations=many")
  run("compress", "photo.png", "--entropy_coder=zip").fails(2, "--entropy_coder=zip")
  run("compress", "photo.png", "--quality=3").fails(2, "quality")
  both = run("compress", "photo.png", "--iterations=3", "--target_bpp=1")
  both.fails(2, "--iterations and --target_bpp exclude each other")
  run("compress", "photo.png", "photo.png", "--output=x").fails(2, "--output is for one input")
  run("decompress", "photo.png", "--iterations=0").fails(2, "--iterations=0")
  run("encoder", "--input_image=photo.png").fails(2, "--output_codes is missing")
  run("encoder", "--iteration=16").fails(2, "--iteration=16")
  run("msssim", "--original_image=photo.png").fails(2, "--compared_image is missing")
  run("demo", "photo.png").fails(2, "photo.png: unexpected")


def test_bad_input_is_one_line_and_status_1(
  run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path
) -> None:
  (tmp_path / "text.jpg").write_text("not a photo")
  (tmp_path / "other.rnic").write_text("not a photo")
  before = _files(tmp_path)
  run("compress", "photo.png", "--model=nope").fails(1, "nope: no such model", "residual_gru")
  run("compress", "photo.png", "--model=.").fails(1, ".: is a folder without config.json")
  run("compress", "photo.png", "--output_dir=text.jpg/x").fails(1, "text.jpg/x: cannot be made")
  run("compress", "photo.png", "photo.png").fails(1, "would be the output of both")
  run("compress", "nothing*.png").fails(1, "nothing*.png: matches no file")
  run("compress", "text.jpg").fails(1, "text.jpg: not an image")
  run("compress", "photo.png", "--output=gone/x.rnic").fails(1, "there is no folder gone")
  run("decompress", "gone.rnic").fails(1, "gone.rnic: no such file")
  run("decompress", "other.rnic").fails(1, "other.rnic: not an .rnic file")
  run("info", "photo.png").fails(1, "photo.png: not an .rnic file")
  run("decoder", "--input_codes=photo.png", "--output_directory=d").fails(1, "photo.png")
  assert _files(tmp_path) == before


def test_the_tools_of_the_release(
  run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path
) -> None:
  result = run("encoder", "--input_image=photo.png", "--output_codes=c.npz", "--iteration=2")
  assert (result.status, result.err, result.out) == (0, "", b"")
  with np.load(tmp_path / "c.npz") as archive:
    shape = tuple(archive["shape"])
    assert shape == (3, 1, 11, 14, 32)
    assert archive["codes"].dtype == np.uint8 and archive["codes"].ndim == 1
    assert archive["codes"].size == np.prod(shape) // 8
    codes = archive["codes"]
  result = run("decoder", "--input_codes=c.npz", "--output_directory=new/d")
  assert (result.status, result.err) == (0, "")
  assert _files(tmp_path / "new/d") == {"image_00.png", "image_01.png", "image_02.png"}

  # The same bits and pixels as our own file has.
  run("compress", "photo.png", "--iterations=3", "--entropy_coder=none")
  payloads = container.read((tmp_path / "photo.rnic").read_bytes()).payloads
  assert b"".join(payloads) == codes.tobytes()
  run("decompress", "photo.rnic", "--output=three.png")
  np.testing.assert_array_equal(
    _pixels(tmp_path / "three.png"), _pixels(tmp_path / "new/d/image_02.png")
  )

  # A file as the release wrote it, which does not know the size of the image.
  np.savez_compressed(tmp_path / "release.npz", shape=shape, codes=codes)
  result = run("decoder", "--input_codes=release.npz", "--output_directory=r", "--iteration=0")
  assert (result.status, result.err) == (0, "")
  assert _files(tmp_path / "r") == {"image_00.png"}
  assert _pixels(tmp_path / "r/image_00.png").shape == (176, 224, 3)

  result = run("msssim", "--original_image=photo.png", "--compared_image=new/d/image_02.png")
  assert 0.85 < float(result.out) < 1


def test_help_is_quick_and_names_every_flag(run: Run) -> None:
  for name, flag in (("compress", "--target_ms_ssim"), ("decompress", "--strict")):
    result = run(name, "--help")
    assert result.status == 0 and flag in result.out.decode() and "--overwrite" in str(result.out)
    assert str(ROOT) not in result.out.decode()
    code = (
      f"import runpy, sys; sys.argv = ['{name}', '--help']\n"
      f"try: runpy.run_module('compression.{name}', run_name='__main__')\n"
      "except SystemExit: assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_demo(run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path) -> None:
  result = run("demo", "--image=photo.png", "--output_dir=d")
  assert (result.status, result.err) == (0, "")
  names = {f"photo_{t:02d}.png" for t in range(1, 17)} | {"photo.rnic", "photo_sheet.png"}
  assert _files(tmp_path / "d") == names
  table = result.out.decode()
  for part in ("213x165", "MS-SSIM", "JPEG bytes", "photo_sheet.png"):
    assert part in table
  assert _pixels(tmp_path / "d/photo_sheet.png").shape[1] > 1500


def test_evaluate(run: Run, tmp_path: pathlib.Path, photo_file: pathlib.Path) -> None:
  run("evaluate").fails(2, "--images is missing")
  run("evaluate", "--images=none*.png").fails(1, "none*.png: matches no file")
  result = run("evaluate", "--images=*.png", "--csv=points.csv")
  assert (result.status, result.err) == (0, "")
  assert len(result.out.decode().splitlines()) == 2 + 16
  rows = (tmp_path / "points.csv").read_text().splitlines()
  assert rows[0] == (
    "image,codec,setting,bytes,bpp,psnr,ms_ssim,psnr_hvs,encode_seconds,decode_seconds,nominal_bpp"
  )
  assert len(rows) == 1 + 16 and rows[1].startswith("photo.png,residual_gru,1,")
  run("evaluate", "--images=*.png", "--csv=points.csv").fails(1, "points.csv: exists already")


@pytest.mark.slow
def test_a_24_megapixel_photo_takes_less_than_4_gb(
  run: Run, tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  large = np.tile(photo, (8, 12, 1))[:4000, :6000]
  Image.fromarray(large).save(tmp_path / "large.bmp")
  result = run("compress", "large.bmp", "--iterations=1")
  assert (result.status, result.err) == (0, "")
  assert result.peak_kib < PEAK_MEMORY_KIB
  result = run("decompress", "large.rnic", "--output=back.bmp.png")
  assert (result.status, result.err) == (0, "")
  assert result.peak_kib < PEAK_MEMORY_KIB
  assert float(psnr(large, _pixels(tmp_path / "back.bmp.png"))) > 20
