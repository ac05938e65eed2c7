"""The number of BLAS threads is one while small layers are coded, and put back afterwards."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import threadpoolctl

from compression.entropy.threads import few_threads

assert np.ones([2, 2]) @ np.ones([2, 2]) is not None  # NumPy's BLAS is loaded


def blas_threads():
  found = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
  return {library["num_threads"] for library in found}


@pytest.fixture(autouse=True)
def two_threads():
  if not blas_threads():
    pytest.skip("NumPy has no BLAS whose threads can be told")
  with threadpoolctl.threadpool_limits(2, user_api="blas"):
    yield


def test_small_layers_take_one_thread_and_large_ones_all():
  with few_threads((32, 48)):
    assert blas_threads() == {1}
  assert blas_threads() == {2}
  with few_threads((128, 128)):
    assert blas_threads() == {2}


def test_an_error_puts_it_back():
  with pytest.raises(ValueError), few_threads((1, 1)):
    raise ValueError
  assert blas_threads() == {2}


def test_it_is_put_back_whoever_leaves_first():
  inside, leave = threading.Event(), threading.Event()

  def other():
    with few_threads((1, 1)):
      inside.set()
      leave.wait()

  for first_to_leave in ("this", "other"):
    inside.clear()
    leave.clear()
    thread = threading.Thread(target=other)
    with few_threads((1, 1)):
      thread.start()
      inside.wait()
      if first_to_leave == "other":
        leave.set()
        thread.join()
        assert blas_threads() == {1}
    leave.set()
    thread.join()
    assert blas_threads() == {2}
