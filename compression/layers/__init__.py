"""Keras layers of the codec: what a Keras user imports."""

from compression.layers.associative_lstm import AssociativeLSTMState, ConvAssociativeLSTM
from compression.layers.binarizer import Binarizer
from compression.layers.gain_estimator import GainEstimator, zero_order_hold
from compression.layers.gru import ConvGRU, ConvResidualGRU, GRUState
from compression.layers.lstm import ConvLSTM, LSTMState
from compression.layers.recurrent_cell import ConvRecurrentCell

__all__ = [
  "AssociativeLSTMState",
  "Binarizer",
  "ConvAssociativeLSTM",
  "ConvGRU",
  "ConvLSTM",
  "ConvRecurrentCell",
  "ConvResidualGRU",
  "GRUState",
  "GainEstimator",
  "LSTMState",
  "zero_order_hold",
]
