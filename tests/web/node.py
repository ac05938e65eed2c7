"""Runs scripts of the page's modules in Node, where they need no page."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
from typing import Any

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "web"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


def run(script: str, value: Any = None) -> Any:
  """What the script gives to `answer`.

  Args:
    script: an ES module, in which `value` is there and `load(NAME)` gives a module of the page.
    value: anything that JSON holds.
  """
  code = f"""
import fs from "node:fs";
const load = (name) => import({json.dumps(FOLDER.as_uri())} + "/" + name);
const value = JSON.parse(fs.readFileSync(0, "utf8"));
const answer = (found) => fs.writeSync(1, JSON.stringify(found ?? null));
{script}
"""
  done = subprocess.run(
    ["node", "--input-type=module", "--eval", code],
    input=json.dumps(value),
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)
