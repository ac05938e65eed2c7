"""Weights of stacks have names that say where they are."""

from __future__ import annotations

import tensorflow as tf

from compression.layers.gdn import GDN
from compression.layers.stacks import Coded, named_variables, own_name


def test_names_are_those_of_the_stack_the_layer_and_the_variable():
  stack = tf.keras.Sequential(
    [tf.keras.layers.Conv2D(2, 3, name="conv1"), GDN(name="gdn1")], name="analysis"
  )
  stack.build([None, None, None, 3])
  named = named_variables([stack])
  assert {name: tuple(variable.shape) for name, variable in named.items()} == {
    "analysis/conv1/kernel": (3, 3, 3, 2),
    "analysis/conv1/bias": (2,),
    "analysis/gdn1/beta_root": (2,),
    "analysis/gdn1/gamma_root": (2, 2),
  }
  assert own_name(stack.layers[0].kernel) == "kernel"


def test_nothing_helps_unless_a_network_says_so():
  assert Coded(tf.zeros([1]), tf.zeros([1])).helping == 0.0
