"""TensorFlow SavedModels of the encoder and of the decoder, for TensorFlow Serving and programs.

    encoder/1   encode        image uint8 [N, H, W, 3], iterations int32 []
                              -> codes uint8 [N, T, h, w, bits / 8], shape int32 [2]
                encode_bytes  image_bytes string [N], iterations int32 [] -> codes_bytes string [N]
    decoder/1   decode        codes, shape -> image uint8 [N, H, W, 3]
                decode_all    codes, shape -> image uint8 [N, T, H, W, 3], after each iteration
                decode_bytes  codes_bytes -> image_bytes string [N]

`encode` and `decode` are `serving_default`, too. N, H and W are any; T is `iterations`, which may
be left out (DEFAULT_ITERATIONS), though not over REST; h and w are ceil(H / 16) and ceil(W / 16);
`shape` is H and W.
`codes` is explained in packing.py; `codes_bytes` are `.rnic` files, see rnic.py; `image_bytes` are
PNG or JPEG files of any sizes on the way in, turned upright, whose colours are taken for sRGB
(photos.py), and PNG files on the way out. TensorFlow Serving's REST interface takes and gives
tensors named `*_bytes` in base64.

`encode` refuses what is not uint8. As a function of the loaded object it is prepared anew, in some
0.03 s, for each size of images that comes; the signature of that name takes tensors and is not.

A client that wants fewer iterations than `codes` has sends `codes[:, :T]`.

The graphs consist of core operations and need nothing of this package. They compute what the
Python API computes, in float32 and without tiles: images so large that it would run them in tiles
differ where tiles meet, and those that would take too much memory are refused.
"""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import DEFAULT_ITERATIONS
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.codecs.recurrent.runner import Steps
from compression.common.errors import OutputError
from compression.exporting import checks, loops, packing, photos, rnic, warmup

VERSION = "1"
"""TensorFlow Serving serves the highest number among the folders of a model."""

_IMAGE = tf.TensorSpec([None, None, None, IMAGE_DEPTH], tf.uint8, "image")
_ITERATIONS = tf.TensorSpec([], tf.int32, "iterations")
_SHAPE = tf.TensorSpec([2], tf.int32, "shape")


def export(codec: RecurrentCodec, folder: pathlib.Path) -> None:
  """Writes `encoder/1` and `decoder/1` into the folder, with warm-up requests.

  Raises:
    OutputError: if they cannot be written.
  """
  steps = Steps(codec.network)
  encoder, decoder = EncoderModule(codec, steps), DecoderModule(codec, steps)
  requests = warmup.requests(codec.config, codec.model_id)
  for name, module in (("encoder", encoder), ("decoder", decoder)):
    target = folder / name / VERSION
    signatures = {key: module.signature(key) for key in module.SIGNATURES}
    signatures["serving_default"] = module.signature(module.SIGNATURES[0])
    try:
      tf.saved_model.save(module, str(target), signatures)
      warmup.write(target, name, requests[name])
    except (OSError, tf.errors.OpError) as error:
      raise OutputError(f"{target}: cannot be written: {error}") from error


class EncoderModule(tf.Module):
  """What `encoder/1` holds; the signatures are functions of the loaded object as well."""

  SIGNATURES = ("encode", "encode_bytes")

  def __init__(self, codec: RecurrentCodec, steps: Steps):
    super().__init__(name="encoder")
    config = codec.config
    self.weights = list(codec.network.variables)  # the encoder decodes, too, to see what is missing
    default = tf.constant(min(DEFAULT_ITERATIONS, config.iterations))

    def bits_in_bytes(image: tf.Tensor, iterations: tf.Tensor) -> tf.Tensor:
      bits = loops.encode(steps, packing.pad_to_blocks(image), iterations)
      return tf.transpose(packing.pack(bits), [1, 0, 2, 3, 4])

    def encode(image: tf.Tensor, iterations: tf.Tensor = default) -> dict[str, tf.Tensor]:
      iterations = checks.require_iterations(iterations, config)
      image = checks.require_layout("image", image, "uint8 [N, H, W, 3]", IMAGE_DEPTH)
      count, height, width = tf.unstack(tf.shape(image)[:3])
      check = checks.require_memory(count, height, width, config)
      image = checks.after([check], image)
      return {"codes": bits_in_bytes(image, iterations), "shape": tf.stack([height, width])}

    def encode_bytes(
      image_bytes: tf.Tensor, iterations: tf.Tensor = default
    ) -> dict[str, tf.Tensor]:
      iterations = checks.require_iterations(iterations, config)

      def encode_one(file: tf.Tensor) -> tf.Tensor:
        image = photos.read(file, config)
        height, width = tf.unstack(tf.shape(image)[:2])
        packed = bits_in_bytes(image[tf.newaxis], iterations)[0]
        return rnic.write(rnic.Image(packed, height, width), codec.model_id)

      return {"codes_bytes": _each(encode_one, image_bytes)}

    files = tf.TensorSpec([None], tf.string, "image_bytes")
    # A function that has a signature casts arrays to it, and 0.5 to 0; one that has not refuses.
    self.encode = tf.function(encode, autograph=False)
    self.encode_bytes = _function(encode_bytes, [files, _ITERATIONS])

  def signature(self, name: str) -> Any:
    """The function of that name, for the tensors that servers give it."""
    if name != "encode":
      return getattr(self, name)
    self.encode.get_concrete_function(_IMAGE, _ITERATIONS)  # what is not traced is not saved
    return _function(self.encode.python_function, [_IMAGE, _ITERATIONS])


class DecoderModule(tf.Module):
  """What `decoder/1` holds; the signatures are functions of the loaded object as well."""

  SIGNATURES = ("decode", "decode_all", "decode_bytes")

  def __init__(self, codec: RecurrentCodec, steps: Steps):
    super().__init__(name="decoder")
    config = codec.config
    estimator = codec.network.gain_estimator
    self.weights = codec.network.decoder.variables + (
      [] if estimator is None else estimator.variables
    )
    depth = config.bits // packing.BYTE

    def checked(packed: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
      """bool [T, N, h, w, bits], if `shape` fits."""
      layout = f"uint8 [N, T, h, w, {depth}]"
      packed = checks.require_layout("codes", packed, layout, depth)
      count, layers, high, wide = tf.unstack(tf.shape(packed)[:4])
      layers = checks.require_iterations(layers, config)
      fits = tf.reduce_all(tf.equal(packing.blocks(shape), [high, wide]))
      check = [
        checks.require(
          fits, "shape must be that of an image of the blocks of codes", shape, "blocks", high, wide
        ),
        checks.require_memory(count, shape[0], shape[1], config),
      ]
      with tf.control_dependencies([layers]):
        packed = checks.after(check, packed)
      return packing.unpack(tf.transpose(packed, [1, 0, 2, 3, 4]))

    def decode(codes: tf.Tensor, shape: tf.Tensor) -> dict[str, tf.Tensor]:
      images = loops.decode(steps, checked(codes, shape))
      return {"image": images[:, : shape[0], : shape[1]]}

    def decode_all(codes: tf.Tensor, shape: tf.Tensor) -> dict[str, tf.Tensor]:
      images = loops.decode_all(steps, checked(codes, shape))[:, :, : shape[0], : shape[1]]
      return {"image": tf.transpose(images, [1, 0, 2, 3, 4])}

    def decode_bytes(codes_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
      def decode_one(file: tf.Tensor) -> tf.Tensor:
        image = rnic.read(file, config, codec.model_id)
        pixels = loops.decode(steps, packing.unpack(image.codes[:, tf.newaxis]))
        return tf.io.encode_png(pixels[0, : image.height, : image.width])

      return {"image_bytes": _each(decode_one, codes_bytes)}

    packed = tf.TensorSpec([None, None, None, None, depth], tf.uint8, "codes")
    files = tf.TensorSpec([None], tf.string, "codes_bytes")
    self.decode = _function(decode, [packed, _SHAPE])
    self.decode_all = _function(decode_all, [packed, _SHAPE])
    self.decode_bytes = _function(decode_bytes, [files])

  def signature(self, name: str) -> Any:
    """The function of that name."""
    return getattr(self, name)


def _function(work: Any, signature: list[tf.TensorSpec]) -> Any:
  """A function of the graph; what differs with a tensor's value says so without AutoGraph."""
  return tf.function(work, signature, autograph=False)


def _each(work: Any, files: tf.Tensor) -> tf.Tensor:
  """A string for each string, one after the other, as their images have different sizes."""
  return tf.map_fn(work, files, parallel_iterations=1, fn_output_signature=tf.string)
