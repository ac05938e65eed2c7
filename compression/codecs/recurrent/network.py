"""The codec: one step of its recurrence, and the model that runs several.

Toderici et al., *Full Resolution Image Compression with Recurrent Neural Networks* (CVPR 2017,
arXiv:1608.05148), section 3. One iteration t, with r_0 = x and x^_0 = 0:

                      encode_step                               decode_step
          +---------------------------------+          +--------------------------+
    r_t-1 |  E: conv, rnn1, rnn2, rnn3, 1x1 |  u_t     |  D: conv, rnn1 ... rnn4  |  x^_t
    ----->|  (states e_t-1 -> e_t)          |--> B --->|  (states d_t-1 -> d_t)   |--+--> out
      ^   +---------------------------------+    b_t   +--------------------------+  |
      |                                                                              |
      +------------------------- r_t = x - x^_t  <-----------------------------------+

    x      the image, x = pixel_range * (2 * image / 255 - 1)      [N, H, W, 3]
    r_t    what is still missing after iteration t                 [N, H, W, 3]
    u_t    E's output, after tanh                                  [N, H/16, W/16, bits]
    b_t    the code: the bits of iteration t, in {-1, +1}          [N, H/16, W/16, bits]
    x^_t   `x_hat`: the reconstruction after iteration t           [N, H, W, 3]
    e, d   the states of the recurrent units of E and D
    g_t    residual scaling only: the gain, see frameworks.py

A file holds b_1 .. b_T. Any first few of them can be decoded: that is the progressive quality.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import tensorflow as tf

from compression.codecs.recurrent import recurrence
from compression.codecs.recurrent.config import UNITS_OF_2016, RecurrentConfig
from compression.codecs.recurrent.frameworks import make_framework
from compression.codecs.recurrent.halves import IMAGE_DEPTH, Decoder, Encoder, States
from compression.codecs.recurrent.toderici2016 import Decoder2016, Encoder2016
from compression.layers import Binarizer
from compression.layers.recurrent_cell import REGISTRATION


class DecoderState(NamedTuple):
  """What decoding carries from iteration to iteration: x_hat [N, H, W, 3] and D's states."""

  x_hat: tf.Tensor
  states: States


class Reconstructions(NamedTuple):
  """What the model returns.

  Attributes:
    images: float32 [T, N, H, W, 3], x_hat after each iteration.
    codes: float32 [T, N, H/16, W/16, bits], in {-1, +1}.
  """

  images: tf.Tensor
  codes: tf.Tensor


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RecurrentNetwork(tf.keras.Model):
  """Encoder, binarizer and decoder, and the framework that joins them.

  Args:
    config: the architecture (a RecurrentConfig or its dict).
    stochastic_binarizer: whether training draws its bits at random.
    seed: of those draws.

  Call arguments:
    inputs: float32 [N, H, W, 3], the image x; H and W multiples of 16.
    iterations: how many to run; None for the config's.
    training: as in Keras.

  Returns: Reconstructions.
  """

  def __init__(
    self,
    config: RecurrentConfig | dict[str, Any] | None = None,
    stochastic_binarizer: bool = False,
    seed: int | None = None,
    name: str = "recurrent_network",
    **kwargs: Any,
  ):
    # Under mixed precision the image and the residuals stay float32; E and D cast what they get.
    super().__init__(name=name, autocast=False, **kwargs)
    if config is None:
      config = RecurrentConfig()
    self.config = (
      config if isinstance(config, RecurrentConfig) else RecurrentConfig.from_dict(config)
    )
    self.stochastic_binarizer = bool(stochastic_binarizer)
    self.seed = seed
    of_2016 = self.config.unit in UNITS_OF_2016
    encoder, decoder = (Encoder2016, Decoder2016) if of_2016 else (Encoder, Decoder)
    self.encoder = encoder(self.config, dtype=self.dtype_policy)
    self.binarizer = Binarizer(self.stochastic_binarizer, seed, name="bits")
    self.decoder = decoder(self.config, dtype=self.dtype_policy)
    self.framework = make_framework(self.config)
    self.gain_estimator = self.framework.gain_estimator

  def get_config(self) -> dict[str, Any]:
    return {
      "name": self.name,
      "config": self.config.to_dict(),
      "stochastic_binarizer": self.stochastic_binarizer,
      "seed": self.seed,
      "dtype": self.dtype_policy.name,
    }

  def get_build_config(self) -> dict[str, Any]:
    """For Keras, which else saves no shape when `build` is called without one."""
    return {"input_shape": (None, None, None, IMAGE_DEPTH)}

  def build(self, input_shape: Any = None) -> None:
    image = tf.TensorShape([None, None, None, IMAGE_DEPTH])
    for layer in (self.encoder, self.decoder, self.gain_estimator):
      if layer is not None and not layer.built:
        layer.build(image)  # the decoder knows its own depths
    self.built = True

  def encode_step(
    self,
    x: tf.Tensor,
    x_hat: tf.Tensor | None,
    states: States,
    training: bool | None = None,
  ) -> tuple[tf.Tensor, States]:
    """b_t = B(E_t(r_{t-1})): the code of the next iteration, and E's new states.

    `x_hat` and `states` are None at the first iteration.
    """
    residual = self.framework.encoder_input(x, x_hat)
    for _ in range(self.config.priming if states is None else 0):
      _, states = self.encoder(residual, states)
    u, states = self.encoder(residual, states)
    return self.binarizer(u, training=training), states

  def decode_step(self, b: tf.Tensor, state: DecoderState | None) -> DecoderState:
    """x^_t from b_t and what the iterations before left; None at the first iteration."""
    x_hat, states = (None, None) if state is None else state
    for _ in range(self.config.priming if state is None else 0):
      _, states = self.decoder(b, states)
    decoded, states = self.decoder(b, states)
    x_hat = self.framework.reconstruct(decoded, x_hat)
    return DecoderState(x_hat, states)

  def call(
    self, inputs: tf.Tensor, iterations: int | None = None, training: bool | None = None
  ) -> Reconstructions:
    encode = functools.partial(self.encode_step, training=training)
    count = self.config.iterations if iterations is None else iterations
    images, codes = [], []
    for b, state in recurrence.run(encode, self.decode_step, inputs, count):
      images.append(state.x_hat)
      codes.append(b)
    return Reconstructions(tf.stack(images), tf.stack(codes))

  def to_x(self, images: tf.Tensor) -> tf.Tensor:
    """Pixels in 0..255 to the x of the networks, float32."""
    return pixels_to_x(images, self.config.pixel_range)

  def to_pixels(self, x: tf.Tensor) -> tf.Tensor:
    """The x of the networks to pixels, uint8."""
    return x_to_pixels(x, self.config.pixel_range)


def pixels_to_x(images: tf.Tensor, pixel_range: float) -> tf.Tensor:
  """x = pixel_range * (2 * image / 255 - 1), float32."""
  return tf.cast(images, tf.float32) * (pixel_range * 2 / 255) - pixel_range


def x_to_pixels(x: tf.Tensor, pixel_range: float) -> tf.Tensor:
  """The nearest pixel value of x, uint8; what lies outside the range becomes black or white."""
  pixels = (tf.cast(x, tf.float32) + pixel_range) * (255 / (2 * pixel_range))
  return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
