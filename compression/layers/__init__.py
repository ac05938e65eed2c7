"""Keras layers of the codec: what a Keras user imports.

The recurrent cells, the binarizer and the gain estimator are those of the image networks; the
others mirror the blocks of the 2017 release's entropy coder; InterlacedConv2D is our own.
"""

from compression.layers.associative_lstm import AssociativeLSTMState, ConvAssociativeLSTM
from compression.layers.binarizer import Binarizer
from compression.layers.gain_estimator import GainEstimator, zero_order_hold
from compression.layers.gru import ConvGRU, ConvResidualGRU, GRUState
from compression.layers.interlaced_conv import InterlacedConv2D
from compression.layers.lstm import ConvLSTM, LSTMState
from compression.layers.recurrent_cell import ConvRecurrentCell
from compression.layers.release.code_length import CodeLength, sign_to_zero_one, zero_one_to_sign
from compression.layers.release.conv2d_lstm import Conv2DLSTM, DenseLSTM, RasterScanConv2DLSTM
from compression.layers.release.dense_blocks import NN, BiasAdd, Linear
from compression.layers.release.initializers import (
  GaussianInitializer,
  RectifierInitializer,
  RsqrtInitializer,
)
from compression.layers.release.masked_conv import (
  DepthOrderConv2D,
  GroupRasterScanConv2D,
  InFillingConv2D,
  PaddedConv2D,
  RasterScanConv2D,
)
from compression.layers.release.operators import CompositionOperator, LineOperator, TowerOperator

__all__ = [
  "AssociativeLSTMState",
  "BiasAdd",
  "Binarizer",
  "CodeLength",
  "CompositionOperator",
  "Conv2DLSTM",
  "ConvAssociativeLSTM",
  "ConvGRU",
  "ConvLSTM",
  "ConvRecurrentCell",
  "ConvResidualGRU",
  "DenseLSTM",
  "DepthOrderConv2D",
  "GRUState",
  "GainEstimator",
  "GaussianInitializer",
  "GroupRasterScanConv2D",
  "InFillingConv2D",
  "InterlacedConv2D",
  "LSTMState",
  "LineOperator",
  "Linear",
  "NN",
  "PaddedConv2D",
  "RasterScanConv2D",
  "RasterScanConv2DLSTM",
  "RectifierInitializer",
  "RsqrtInitializer",
  "TowerOperator",
  "sign_to_zero_one",
  "zero_one_to_sign",
  "zero_order_hold",
]
