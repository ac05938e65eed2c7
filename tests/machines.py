"""Environments in which the same program computes as on other machines.

Only what this processor has can be tried: libraries take a processor's word for what it can do,
except that these variables make them leave out what it has beyond that.
"""

from __future__ import annotations

import pathlib
import re

import pytest

_SSE = {"sse4_1", "sse4_2"}
_AVX2 = _SSE | {"avx2", "fma"}
_AVX512 = _AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}

_MACHINES = {
  "no oneDNN, 1 thread": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, 1, set()),
  "AVX-512, 2 threads": ({"ISA": "AVX512_CORE", "OPENBLAS_CORETYPE": "SkylakeX"}, 2, _AVX512),
  "AVX2, 3 threads": ({"ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}, 3, _AVX2),
  "SSE, 1 thread": ({"ISA": "SSE41", "OPENBLAS_CORETYPE": "Nehalem"}, 1, _SSE),
}
"""Name -> variables (ISA is that of oneDNN), threads, flags that the processor must have."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def _machine(name: str) -> object:
  """A parameter of a test: the variables."""
  variables, threads, needs = _MACHINES[name]
  variables = {**dict.fromkeys(_THREADS, str(threads)), **variables}
  if isa := variables.pop("ISA", None):
    variables |= {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": isa}
  missing = ", ".join(sorted(needs - _processor())).upper()
  skip = pytest.mark.skipif(bool(missing), reason=f"this processor has no {missing}")
  return pytest.param(variables, id=name, marks=skip)


def _processor() -> frozenset[str]:
  """What Linux says that this processor can do; nothing on other systems."""
  file = pathlib.Path("/proc/cpuinfo")
  flags = re.search(r"^flags\s*:(.*)$", file.read_text() if file.exists() else "", re.MULTILINE)
  return frozenset(flags[1].split()) if flags else frozenset()


MACHINES = [_machine(name) for name in _MACHINES]
