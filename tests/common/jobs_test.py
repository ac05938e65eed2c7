"""Many inputs, an output for each: names, pipes, and what happens after a bad one."""

from __future__ import annotations

import io
import os
import pathlib
import sys
import types

import pytest

from compression.common import jobs, program
from compression.common.errors import CompressionError, FormatError, OutputError
from compression.common.jobs import Job, OutputFlags


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
  """An empty one, in which the jobs are done."""
  monkeypatch.chdir(tmp_path)
  return tmp_path


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> bytes:
  """What standard input has."""
  content = b"\xff\0\n"
  monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
  return content


def given(
  output: str | None = None,
  output_dir: str | None = None,
  overwrite: bool = False,
  skip_existing: bool = False,
) -> OutputFlags:
  """The flags as a command line sets them."""
  values = (output, output_dir, overwrite, skip_existing, 1)
  return OutputFlags(*(types.SimpleNamespace(value=value) for value in values))  # type: ignore


# Which output an input has


@pytest.mark.parametrize(
  "source, target",
  [
    ("photo.jpg", "photo.rnic"),
    ("a/b.c/photo.tar.png", "a/b.c/photo.tar.rnic"),
    ("../photo", "../photo.rnic"),
    (".hidden", ".hidden.rnic"),
    ("/a/photo.", "/a/photo..rnic"),
    ("-", "-"),
  ],
)
def test_an_output_lies_beside_its_input(source, target):
  assert jobs.plan([source], ".rnic", given()) == [Job(source, target)]


def test_outputs_lie_in_a_folder_that_is_made(folder):
  found = jobs.plan(["a.png", "x/b.png", "-"], ".rnic", given(output_dir="new/d"))
  assert [job.target for job in found] == ["new/d/a.rnic", "new/d/b.rnic", "-"]
  assert (folder / "new/d").is_dir()


def test_one_input_may_be_told_its_output():
  assert jobs.plan(["a.png"], ".rnic", given("x/y")) == [Job("a.png", "x/y")]
  assert jobs.plan(["-"], ".rnic", given("y")) == [Job("-", "y")]
  assert jobs.plan(["a.png"], ".rnic", given("-")) == [Job("a.png", "-")]


@pytest.mark.parametrize(
  "sources, flags, error, message",
  [
    (["a.png", "b.png"], given("x"), program.UsageError, "--output is for one input, 2 were named"),
    (
      ["a.png"],
      given("x", "d"),
      program.UsageError,
      "--output and --output_dir exclude each other",
    ),
    (
      ["a.png"],
      given(overwrite=True, skip_existing=True),
      program.UsageError,
      "--overwrite and --skip_existing exclude each other",
    ),
    (["a.png"], given(None, "file/d"), OutputError, "file/d: cannot be made: Not a directory"),
  ],
  ids=["two", "both", "kept", "file"],
)
def test_outputs_that_make_no_sense_are_refused(folder, sources, flags, error, message):
  (folder / "file").touch()
  with pytest.raises(error, match=f"^{message}"):
    jobs.plan(sources, ".rnic", flags)


def test_inputs_of_one_output_have_a_problem_each_and_others_none(folder):
  (folder / "d").mkdir()
  (folder / "link").symlink_to("d")
  for first, second in (
    ("a.png", "a.jpg"),
    ("a.png", "./a.png"),
    ("a.png", f"../{folder.name}/a.png"),
    ("d/a.png", "link/a.png"),
  ):
    found = jobs.plan([first, "b.png", second], ".rnic", given())
    assert found[1] == Job("b.png", "b.rnic")
    assert found[0].problem == f"{found[0].target} would be the output of {second}, too"
    assert found[2].problem == f"{found[2].target} would be the output of {first}, too"
  assert len(jobs.plan(["a.png", "-", "a.png", "-"], ".rnic", given())) == 2
  found = jobs.plan(["x/a.png", "y/a.png", "a.gif"], ".rnic", given(output_dir="d"))
  assert all(job.problem for job in found)


def test_a_problem_is_told_and_the_rest_done(capsys):
  done = []
  todo = [Job("a.png", "a", "a would be that of b, too"), Job("c.png", "c")]
  assert jobs.run(todo, lambda job: done.append(job.source), "photo") == 1
  assert done == ["c.png"]
  assert capsys.readouterr().err == "error: a.png: a would be that of b, too\n"


# What is read and written


def test_files_are_read(folder):
  (folder / "a").write_bytes(b"\0a")
  assert jobs.read_source("a") == b"\0a"
  assert jobs.open_source("a") == ("a", "a")


def test_stdin_is_read(stdin):
  assert jobs.read_source("-") == stdin


def test_an_image_may_be_sought_in_stdin(stdin):
  stream, name = jobs.open_source("-")
  assert not isinstance(stream, str) and name == "standard input"
  assert stream.read() == stdin and stream.seek(1) == 1 and stream.read() == stdin[1:]


def test_what_cannot_be_read_is_named(folder):
  (folder / "file").touch()
  for source, message in (
    ("gone", "gone: no such file"),
    (".", ".: cannot be read: Is a directory"),
    ("file/a", "file/a: cannot be read: Not a directory"),
    ("a" * 300, "cannot be read: File name too long"),
  ):
    with pytest.raises(CompressionError, match=f"{message}$"):
      jobs.read_source(source)


def test_files_are_written_whole_and_others_kept(folder):
  (folder / "a").write_bytes(b"old")

  def check(target, outputs):
    jobs.check_targets([target], "input", outputs)

  for write in (check, lambda *args: jobs.write_target(args[0], b"new", args[1])):
    with pytest.raises(OutputError, match="a: exists already"):
      write("a", given())
    with pytest.raises(OutputError, match="there is no folder gone"):
      write("gone/a", given(overwrite=True))
  assert (folder / "a").read_bytes() == b"old"
  check("a", given(overwrite=True))
  jobs.write_target("a", b"new", given(overwrite=True))
  assert (folder / "a").read_bytes() == b"new" and os.listdir(folder) == ["a"]


def test_where_stdout_carries_the_data_the_line_goes_to_stderr(folder, capsysbinary):
  jobs.check_targets(["-"], "a", given())
  jobs.write_target("-", b"\xff\n", given())
  jobs.say("a line", "-")
  assert capsysbinary.readouterr() == (b"\xff\n", b"a line\n")
  assert not os.listdir(folder)


def test_a_line_about_a_file_goes_to_stdout(capsys):
  jobs.say("a line", "a.rnic")
  assert capsys.readouterr() == ("a line\n", "")


def test_the_ratio_is_that_to_24_bits_per_pixel():
  assert jobs.describe(1000, 125) == "125 bytes, 1.000 bpp, 24.0:1"
  assert jobs.describe(1, 62) == "62 bytes, 496.000 bpp, 0.0:1"


# One after the other


def test_a_bad_file_is_one_line_and_the_others_are_done(capsys):
  done = []

  def work(job: Job) -> None:
    done.append(job.source)
    if job.source == "b.png":
      raise FormatError("is\nbad")

  todo = [Job(name, f"{name}.rnic") for name in ("a.png", "b.png", "c.png")]
  assert jobs.run(todo, work, "photo") == 1
  assert done == ["a.png", "b.png", "c.png"]
  assert capsys.readouterr() == ("", "error: b.png: is bad\n")
  assert jobs.run(todo[:1], work, "photo") == 0
  assert jobs.run([], work, "photo") == 0


@pytest.mark.parametrize(
  "job, message, line",
  [
    (Job("a.png", "a.rnic"), "a.png: no such file", "a.png: no such file"),
    (Job("a.png", "a.rnic"), "a.rnic: exists already", "a.rnic: exists already"),
    (Job("-", "-"), "standard input: is empty", "standard input: is empty"),
    (Job("-", "-"), "is damaged: --strict refuses it", "standard input: is damaged: --strict ref"),
    (Job("a", "a.png"), "not an .rnic file", "a: not an .rnic file"),
    (Job("mobile", "x"), "made with model mobile: x", "mobile: made with model mobile: x"),
    (Job("x/a.png", "y"), "a.png: no such file", "x/a.png: a.png: no such file"),
  ],
)
def test_a_line_begins_with_the_file_that_it_is_about(job, message, line, capsys):
  def work(job: Job) -> None:
    raise CompressionError(message)

  assert jobs.run([job], work, "file") == 1
  assert capsys.readouterr().err.startswith(f"error: {line}")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_is_no_fault_of_a_file_ends_the_run(error):
  done = []

  def work(job: Job) -> None:
    done.append(job.source)
    raise error

  with pytest.raises(error):
    jobs.run([Job("a", "b"), Job("c", "d")], work, "file")
  assert done == ["a"]


def test_too_large_for_the_memory_is_one_file_s_matter(capsys):
  def work(job: Job) -> None:
    if job.source == "a":
      raise MemoryError

  assert jobs.run([Job("a", "x"), Job("b", "y")], work, "file") == 1
  assert capsys.readouterr().err == "error: a: not enough memory\n"


def test_the_input_is_never_the_output(folder):
  (folder / "a").write_bytes(b"photo")
  os.link("a", "same")
  (folder / "link").symlink_to("a")
  for target in ("a", "./a", "same", "link"):
    with pytest.raises(OutputError, match=f"^{target}: is the input, too, which is never written"):
      jobs.check_targets([target], "a", given(overwrite=True))


def test_what_is_there_is_left_and_counted(folder, capsys):
  (folder / "a.x").write_bytes(b"done")
  (folder / "b.x").write_bytes(b"")  # what a crash may leave where there are no hard links
  (folder / "c.x").mkdir()
  outputs = given(skip_existing=True)

  def work(job: Job) -> None:
    jobs.check_targets([job.target], job.source, outputs)
    jobs.write_target(job.target, b"new", outputs)
    jobs.say(f"{job.source} is done", job.target)

  todo = [Job(name, f"{name}.x") for name in "abcd"]
  assert jobs.run(todo, work, "photo", outputs) == 1
  out, err = capsys.readouterr()
  assert (folder / "a.x").read_bytes() == b"done" and (folder / "d.x").read_bytes() == b"new"
  assert err == "error: b.x: exists already; --overwrite replaces it\nerror: c.x: is a directory\n"
  lines = out.splitlines()
  assert lines[0] == "d is done"
  assert lines[1].startswith("1 done, 1 skipped, 2 failed; ") and lines[1].endswith(" per minute")


def test_of_several_outputs_only_those_that_lack_are_written(folder):
  (folder / "1").write_bytes(b"old")
  outputs = given(skip_existing=True)
  jobs.check_targets(["1", "2"], "in", outputs)
  for name in "12":
    jobs.write_target(name, b"new", outputs)
  assert (folder / "1").read_bytes() == b"old" and (folder / "2").read_bytes() == b"new"
  with pytest.raises(jobs.Skip):
    jobs.check_targets(["1", "2"], "in", outputs)


class Terminal(io.StringIO):
  def isatty(self) -> bool:
    return True


def test_a_terminal_shows_a_bar_and_whole_lines_beside_it(monkeypatch):
  def work(job: Job) -> None:
    if job.source != "a":
      raise FormatError("is bad")

  def shown(*names: str) -> str:
    monkeypatch.setattr(sys, "stderr", Terminal())
    jobs.run([Job(name, "x") for name in names], work, "photo")
    return sys.stderr.getvalue()  # type: ignore[attr-defined]

  text = shown("a", "b", "c")
  assert "0/3" in text and "photo" in text
  for name in "bc":
    before, line, after = text.partition(f"error: {name}: is bad\n")
    assert line and before.endswith("\r")  # on a line that the bar has left
  assert text.rpartition("\r")[2] == ""  # and it is gone at the end
  assert shown("b") == "error: b: is bad\n"
