"""Every program with every kind of bad file and stream: a line each, a status, the rest is done."""

from __future__ import annotations

import os
import pathlib
import struct
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from compression.codecs import registry
from compression.codecs.pillow import PillowCodec
from compression.evaluation import plots
from tests import programs, shared

DCT = "--model=dct"


def _photo_files(folder: pathlib.Path, good: bytes) -> dict[str, str]:
  """Writes files that are no photos; the reason for each."""
  heic = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + bytes(20)
  contents = {
    "cut.png": (good[: len(good) // 2], "the image is cut short or damaged"),
    "empty.png": (b"", "is empty"),
    "phone\n.png": (heic, "HEIC is not supported"),
    "text.png": (b"no photo", "not an image that can be read"),
    "b\u00fcn\udcff.png": (b"%PDF-1.7 ", "PDF is not supported"),
  }
  for name, (content, _) in contents.items():
    (folder / name).write_bytes(content)
  (folder / "folder.png").mkdir()
  (folder / "loop.png").symlink_to("loop.png")
  reasons = {name: reason for name, (_, reason) in contents.items()}
  return {**reasons, "folder.png": "is a directory", "loop.png": "cannot be read"}


@pytest.fixture
def folder(tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch):
  """Two photos, first and last by name; the work is done here."""
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  shared.work_here(monkeypatch)
  shared.share_models(monkeypatch)
  for name in ("a.png", "z.png"):
    Image.fromarray(photo[:48, :64]).save(tmp_path / name)
  return tmp_path


def _check(err: str, prefix: str, reasons: dict[str, str]) -> None:
  """A line each, which names the file as it can be printed, and the reason."""
  assert "Traceback" not in err
  lines = err.splitlines()
  assert len(lines) == len(reasons) and all(line.startswith(prefix) for line in lines), err
  for name, reason in reasons.items():
    start = name.split("\n")[0].split("\u00fc")[0]
    assert any(start in line and reason in line for line in lines), (name, err)


@pytest.mark.parametrize(
  "program, flags, prefix, is_done",
  [
    ("compress", ["*.png", DCT], "error: ", lambda out, names: {"a.dct", "z.dct"} <= names),
    (
      "evaluate",
      ["--images=*.png", "--codecs=jpeg420", "--csv=rows.csv"],
      "warning: ",
      lambda out, names: "rows.csv" in names and out.startswith("| setting |"),
    ),
    (
      "report",
      ["--images=*.png", "--output=r.html", DCT],
      "warning: ",
      lambda out, names: out.startswith("r.html: 2 photo(s), "),
    ),
  ],
  ids=["compress", "evaluate", "report"],
)
def test_bad_photos_are_a_line_each_and_the_others_done(
  folder: pathlib.Path,
  program: str,
  flags: list[str],
  prefix: str,
  is_done: Callable[[str, set[str]], bool],
) -> None:
  reasons = _photo_files(folder, (folder / "a.png").read_bytes())
  status, out, err = programs.call(f"compression.{program}", folder, *flags)
  _check(err, prefix, reasons)
  assert status == (1 if prefix == "error: " else 0)
  assert is_done(out, set(os.listdir(folder)))


def test_a_tool_leaves_out_what_is_no_photo(folder: pathlib.Path) -> None:
  reasons = _photo_files(folder, (folder / "a.png").read_bytes())
  flags = ["--images=*.png", "--output=codes.tfrecord.gz", "--model=mobile", "--iterations=1"]
  status, out, err = programs.call("tools/make_codes.py", folder, *flags)
  _check(err, "warning: ", reasons)
  assert status == 0 and "2 codes" in out


@pytest.mark.parametrize("program", ["decompress", "info"])
def test_bad_files_are_a_line_each_and_the_others_done(folder: pathlib.Path, program: str) -> None:
  data = registry.find("dct").compress(np.zeros([40, 40, 3], np.uint8), 24)
  (folder / "ours").mkdir()
  for name in ("a", "z"):
    (folder / f"ours/{name}.dct").write_bytes(data)
  jpeg = PillowCodec("jpeg420").compress(np.zeros([40, 40, 3], np.uint8), 50)
  for name, content in {
    "cut.dct": data[:8],
    "empty.dct": b"",
    "header.rnic": b"RNIC",
    "text.rnic": b"no file of ours",
    "cut.jpg": jpeg[:100],
  }.items():
    (folder / "ours" / name).write_bytes(content)
  (folder / "ours/folder.rnic").mkdir()
  status, out, err = programs.call(f"compression.{program}", folder, "ours/*")
  errors = err.splitlines()
  assert status == 1 and len(errors) >= 5 and "Traceback" not in err
  assert all(line.startswith("error: ours/") and line.count(": ") > 1 for line in errors)
  assert "ours/a.dct" in out and "ours/z.dct" in out
  if program == "decompress":
    assert {"a.png", "z.png"} <= set(os.listdir(folder / "ours"))


def _shell(folder: pathlib.Path, command: str) -> tuple[int, bytes, list[bytes]]:
  """The status, output and errors of a command in which PYTHON stands for it, with our packages."""
  done = subprocess.run(
    ["bash", "-c", command.replace("PYTHON", f"'{sys.executable}'")],
    cwd=folder,
    env={**programs.environment(folder), "PYTHONIOENCODING": "ascii"},
    capture_output=True,
  )
  return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, as Linux has")
@pytest.mark.parametrize(
  "program, arguments, made",
  [
    ("compress", f"*.png {DCT}", ["a.dct", "m\u00fchle.dct", "z.dct"]),
    ("decompress", "given/*.dct --output_dir=out", ["out/a.png", "out/z.png"]),
    ("info", "given/*.dct", []),
  ],
)
@pytest.mark.parametrize(
  "redirection, status", [("> /dev/full", 1), (">&-", 0), ("2>&-", 0), ("> out.txt <&-", 0)]
)
def test_bad_streams_stop_no_work(
  tmp_path: pathlib.Path,
  photo: np.ndarray,
  program: str,
  arguments: str,
  made: list[str],
  redirection: str,
  status: int,
) -> None:
  for name in ("a", "m\u00fchle", "z"):
    Image.fromarray(photo[:20, :30]).save(tmp_path / f"{name}.png")
  (tmp_path / "given").mkdir()
  for name in ("a", "z"):
    data = registry.find("dct").compress(photo[:20, :30], 24)
    (tmp_path / f"given/{name}.dct").write_bytes(data)
  command = f"PYTHON -m compression.{program} {arguments} {redirection}"
  found, _, errors = _shell(tmp_path, command)
  assert found == status
  full = b"error: standard output cannot be written: No space left on device"
  assert errors == ([full] if status else [])
  assert all((tmp_path / name).stat().st_size for name in made)


def test_files_at_a_time_are_the_same_files_and_one_may_be_killed(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  """The codec kills its process for a certain photo, as the system does where memory ends."""
  (tmp_path / "deadly.py").write_text(
    "import os, signal\n"
    "from compression.codecs.dct import DCT as Base\n"
    "class Deadly(Base):\n"
    "  def compress(self, image, setting, /):\n"
    "    if image.shape[0] == 13:\n"
    "      os.kill(os.getpid(), signal.SIGKILL)\n"
    "    return super().compress(image, setting)\n"
  )
  for k in range(9, 17):
    Image.fromarray(photo[:k, :30]).save(tmp_path / f"{k:02}.png")
  (tmp_path / "text.png").write_text("no photo")
  command = "PYTHON -m compression.compress *.png --model=deadly.py:Deadly --jobs=2"
  status, out, errors = _shell(tmp_path, f"{command} --output_dir=two")
  assert status == 1 and b"7 done, 0 skipped, 2 failed; " in out.splitlines()[-1]
  assert sorted(errors) == [
    b"error: 13.png: its process was killed, perhaps for its memory",
    b"error: text.png: not an image that can be read",
  ]
  codec = registry.find("dct")
  for k in (*range(9, 13), *range(14, 17)):
    expected = codec.compress(photo[:k, :30], 24)
    assert (tmp_path / f"two/{k:02}.dct").read_bytes() == expected

  (tmp_path / "13.png").unlink()
  (tmp_path / "two/10.dct").unlink()
  status, out, errors = _shell(tmp_path, f"{command} --output_dir=two --skip_existing")
  assert status == 1 and b"1 done, 6 skipped, 1 failed; " in out.splitlines()[-1]
