"""The registry of probability models: each is trained, saved and codes by its name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from compression.common.errors import ConfigError
from compression.entropy.bits import learned, models, networks

SMALL = {
  "interlaced": {"hidden": 4, "state": 3, "groups": 2, "group_hidden": 4},
  "progressive": {},
}


def test_names_are_in_order():
  assert models.names() == sorted(SMALL)


@pytest.mark.parametrize("name", ["zip", "", "Interlaced", None, 3, ["interlaced"]])
def test_another_name_is_refused_with_those_that_there_are(name):
  for find in (models.find, lambda name: networks.make(name, None)):
    with pytest.raises(ConfigError) as caught:
      find(name)
    message = f"probability model {name!r} is unknown; known: interlaced, progressive"
    assert str(caught.value) == message


@pytest.mark.parametrize("name", sorted(SMALL))
def test_what_is_trained_becomes_what_codes(name, tmp_path):
  family = models.find(name)
  config = family.config.from_dict({"layer_depth": 4, "layer_count": 2, **SMALL[name]})
  weights = networks.arrays_of(networks.make(name, config))
  arrays = family.integer_arrays(config, weights)
  assert all(np.issubdtype(array.dtype, np.integer) for array in arrays.values())
  assert family.integer(config, arrays).bytes_of_place() > 0

  learned.save(tmp_path, name, config, weights)
  assert learned.read_config(tmp_path) == (name, config)
  coder = learned.load(tmp_path)
  bits = np.random.default_rng(0).random([2, 3, 5, 4]) < 0.5
  np.testing.assert_array_equal(coder.decode(coder.encode(bits), bits.shape[1:]), bits)


def test_importing_it_imports_no_tensorflow():
  script = "import sys, compression.entropy.bits.models; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", script]).returncode == 0
