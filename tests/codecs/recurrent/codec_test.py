"""The codec on real photos: any size, prefixes, tiles, targets, and files that are not right."""

from __future__ import annotations

import pathlib
import shutil
import struct
import warnings
import zlib

import numpy as np
import pytest

import compression
from compression.codecs import model_folders, targets
from compression.codecs.base import Options
from compression.codecs.recurrent import tiling
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.common.errors import FormatError, ImageError, ModelError, RangeError
from compression.entropy.bits.learned import LearnedCoder
from compression.formats import rnic
from compression.images.photos import read_photo
from compression.metrics import psnr
from tests import shared
from tests.near import assert_near_pixels


@pytest.fixture(scope="module")
def codec() -> RecurrentCodec:
  """The smaller of the released models."""
  return shared.mobile()


@pytest.fixture(scope="module")
def small_photo(photo: np.ndarray) -> np.ndarray:
  """Odd sides, and a part of the photo with detail."""
  return np.ascontiguousarray(photo[30:131, 150:283])


@pytest.fixture(scope="module")
def large_crop(photo: np.ndarray) -> np.ndarray:
  """A face and a spacesuit: enough blocks for the entropy coder to pay."""
  return np.ascontiguousarray(photo[:256, 100:356])


@pytest.fixture(scope="module")
def data(codec: RecurrentCodec, small_photo: np.ndarray) -> bytes:
  """Five iterations."""
  return codec.compress(small_photo, 5)


def _forged(data: bytes, **fields: int) -> bytes:
  """The file with other header fields and a checksum that fits."""
  offsets = {"layers": (6, "B"), "halo": (7, "B"), "height": (16, "<I"), "width": (20, "<I")}
  offsets |= {"tile": (24, "<H"), "tables_id": (26, "<H")}
  header = bytearray(data[: rnic.HEADER_BYTES])
  for name, value in fields.items():
    offset, kind = offsets[name]
    struct.pack_into(kind, header, offset, value)
  struct.pack_into("<I", header, 28, zlib.crc32(bytes(header[:28])))
  return bytes(header) + data[rnic.HEADER_BYTES :]


def _small() -> RecurrentCodec:
  """A codec of random weights, and not installed."""
  network = RecurrentNetwork(RecurrentConfig(width=1 / 32, iterations=3))
  return RecurrentCodec.of_network("other", network, b"12345678")


@pytest.mark.parametrize("height,width", [(1, 1), (1, 40), (17, 1), (16, 16), (33, 47), (100, 31)])
def test_any_size_comes_back_at_its_size(
  codec: RecurrentCodec, photo: np.ndarray, height: int, width: int
) -> None:
  image = np.ascontiguousarray(photo[100 : 100 + height, 200 : 200 + width])
  data = codec.compress(image, 3)
  restored = codec.decompress(data)
  assert restored.shape == image.shape
  assert restored.dtype == np.uint8
  packed = codec.compress(image, 3, entropy_coder="none")
  assert_near_pixels(codec.decompress(packed), restored)
  blocks = -(-height // 16) * -(-width // 16)
  assert len(packed) == 32 + 3 * (6 + 4 * blocks)
  assert len(data) <= len(packed)


@pytest.mark.parametrize("value", [0, 255])
def test_a_single_pixel_of_black_or_white_keeps_its_brightness(
  codec: RecurrentCodec, value: int
) -> None:
  restored = codec.decompress(codec.compress(np.full([1, 1, 3], value, np.uint8), 16))
  assert abs(restored.astype(int) - value).max() < 24


def test_quality_rises_and_bytes_are_as_promised(
  codec: RecurrentCodec, large_crop: np.ndarray
) -> None:
  data = codec.compress(large_crop, 16)
  pixels = large_crop.shape[0] * large_crop.shape[1]
  packed = codec.compress(large_crop, 16, entropy_coder="none")
  assert len(packed) * 8 / pixels == pytest.approx(2.0, rel=0.01)
  assert len(data) < 0.92 * len(packed)
  quality = [float(psnr(large_crop, image)) for image in codec.progressive(data)]
  assert len(quality) == 16
  assert quality[0] > 22
  assert all(later > earlier for earlier, later in zip(quality[:8], quality[1:9]))
  assert quality[15] > quality[7] + 0.5


def test_a_prefix_is_the_file_of_fewer_iterations(
  codec: RecurrentCodec, small_photo: np.ndarray, data: bytes
) -> None:
  for iterations in (1, 2, 4):
    assert codec.prefix(data, iterations) == codec.compress(small_photo, iterations)
    fewer = codec.decompress(codec.compress(small_photo, iterations))
    assert_near_pixels(codec.decompress(data, iterations), fewer)


def test_decoding_is_repeatable_and_progressive_ends_at_decompress(
  codec: RecurrentCodec, data: bytes
) -> None:
  steps = list(codec.progressive(data))
  assert_near_pixels(steps[-1], codec.decompress(data))
  assert_near_pixels(steps[2], codec.decompress(data, 3))


def test_a_cut_file_decodes_to_its_last_whole_layer_and_says_so(
  codec: RecurrentCodec, data: bytes
) -> None:
  ends = rnic.layer_ends(data)
  for cut in (ends[0], ends[0] + 3, ends[2] + 20, len(data) - 1):
    whole = sum(end <= cut for end in ends)
    with pytest.warns(UserWarning, match=f"cut short: {whole} of 5"):
      image = codec.decompress(data[:cut])
    assert f"cut short: {whole} of 5" in str(codec.damage(data[:cut]))
    assert codec.ends(data[:cut]) == list(ends[:whole]) and codec.written(data[:cut]) == range(1, 6)
    assert len(list(codec.progressive(data[:cut]))) == whole
    assert_near_pixels(image, codec.decompress(data, whole))
  assert codec.damage(data) is None
  for refusing in (codec.decompress, codec.damage):
    with pytest.raises(FormatError, match="cut short"):
      refusing(data[: ends[0] - 1])


def test_damage_is_refused_but_layers_before_it_decode(codec: RecurrentCodec, data: bytes) -> None:
  ends = rnic.layer_ends(data)
  broken = bytearray(data)
  broken[ends[2] + 30] ^= 4
  with pytest.raises(FormatError, match="layer 4 of 5 is damaged.*iterations=3"):
    codec.decompress(bytes(broken))
  with warnings.catch_warnings():
    warnings.simplefilter("error")  # nothing that was asked for is missing
    assert_near_pixels(codec.decompress(bytes(broken), 3), codec.decompress(data, 3))
  assert codec.prefix(bytes(broken), 3) == codec.prefix(data, 3)
  assert "layer 4 of 5 is damaged" in str(codec.damage(bytes(broken)))
  with pytest.raises(FormatError, match="4 iterations were asked for"):
    codec.decompress(bytes(broken), 4)


def test_more_iterations_than_the_file_has_are_refused(codec: RecurrentCodec, data: bytes) -> None:
  with pytest.raises(FormatError, match="has 5 iterations; 6 were asked for"):
    codec.decompress(data, 6)


def test_hostile_sizes_are_refused_before_memory_is_taken(
  codec: RecurrentCodec, data: bytes
) -> None:
  with pytest.raises(FormatError, match="GiB"):
    codec.decompress(_forged(data, height=32000, width=32000))
  with pytest.raises(FormatError, match="GiB"):
    codec.decompress(_forged(data, height=32000, width=32000, tile=4096, halo=4))
  with pytest.raises(FormatError):  # the payload is too short for the sides
    codec.decompress(_forged(data, height=3000, width=3000))


def test_the_wrong_model_is_refused_by_name(codec: RecurrentCodec, data: bytes) -> None:
  other = _small()
  with pytest.raises(ModelError, match="made with model mobile; this is other"):
    other.decompress(data)
  foreign = other.compress(np.zeros([8, 8, 3], np.uint8), 1)
  with pytest.raises(ModelError, match="not installed .3132333435363738.*this is mobile"):
    codec.decompress(foreign)


def test_tiles_are_recorded_and_leave_no_seam(
  codec: RecurrentCodec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  image = np.ascontiguousarray(photo[:270, 60:325])
  whole = codec.compress(image, 3)
  monkeypatch.setattr(tiling, "_PIXELS_AT_WIDTH_1", 256 * 256 * codec.config.width)
  tiled = codec.compress(image, 3)
  header = rnic.read_header(tiled)
  assert (header.tile, header.halo) == (8, tiling.HALO_BLOCKS)
  assert len(tiled) == pytest.approx(len(whole), rel=0.01)  # some bits differ near the seams
  monkeypatch.undo()  # the file knows its tiles, whatever this machine would choose
  restored, reference = codec.decompress(tiled), codec.decompress(whole)
  assert float(psnr(image, restored)) > float(psnr(image, reference)) - 0.1
  error = (restored.astype(float) - image) ** 2
  seams = np.r_[error[126:130].ravel(), error[254:258].ravel()].mean()
  assert seams < 1.3 * error.mean()
  steps = list(codec.progressive(tiled))
  assert_near_pixels(steps[-1], restored)


def test_targets(codec: RecurrentCodec, small_photo: np.ndarray) -> None:
  found = targets.to_size(codec, small_photo, 1000)
  assert len(found.data) <= 1000 and found.note is None
  assert len(codec.compress(small_photo, found.setting + 1)) > 1000
  assert found.data == codec.compress(small_photo, found.setting)

  found = targets.to_quality(codec, small_photo, psnr, 27.0)
  assert found.data == codec.compress(small_photo, found.setting)
  assert float(psnr(small_photo, codec.decompress(found.data))) >= 27.0
  assert float(psnr(small_photo, codec.decompress(found.data, int(found.setting) - 1))) < 27.0


def test_a_target_with_tiles_is_judged_on_what_the_decoder_makes(
  codec: RecurrentCodec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(tiling, "HALO_BLOCKS", 2)
  monkeypatch.setattr(tiling, "_PIXELS_AT_WIDTH_1", 128 * 128 * codec.config.width)
  image = np.ascontiguousarray(photo[30:160, 150:280])
  result = targets.to_quality(codec, image, psnr, 26.0)
  assert rnic.read_header(result.data).tile
  assert float(psnr(image, codec.decompress(result.data))) >= 26.0


def test_wrong_arguments_are_refused(codec: RecurrentCodec) -> None:
  image = np.zeros([4, 4, 3], np.uint8)
  for wrong in (image[..., 0], image.astype(float), image[:0], np.zeros([4, 4, 4], np.uint8)):
    with pytest.raises(ImageError, match="Received"):
      codec.compress(wrong)
  for iterations in (0, 17, 2.5, True):
    with pytest.raises(RangeError, match="Received"):
      codec.compress(image, iterations)  # type: ignore[arg-type]
  with pytest.raises(ModelError, match="zip.*unknown"):
    codec.compress(image, entropy_coder="zip")
  with pytest.raises(FormatError, match="not an .rnic file"):
    codec.decompress(b"\x89PNG")


def test_codes_round_trip(codec: RecurrentCodec, small_photo: np.ndarray) -> None:
  bits = codec.encode(small_photo, 3)
  assert bits.shape == (3, 7, 9, 32) and bits.dtype == bool
  images = list(codec.decode(bits))
  height, width, _ = small_photo.shape
  data = codec.compress(small_photo, 3)
  assert_near_pixels(images[2][:height, :width], codec.decompress(data))


def test_codes_are_bits_and_nothing_is_cast(codec: RecurrentCodec, small_photo: np.ndarray) -> None:
  bits = codec.encode(small_photo[:16, :32], 1)
  [image] = codec.decode(bits)
  for same in (bits.astype(np.uint8), bits.astype(np.int64), bits.tolist()):
    np.testing.assert_array_equal(next(codec.decode(same)), image)
  signs = bits.astype(np.int8) * 2 - 1
  for wrong in (
    bits.astype(np.float32),
    bits.astype(float).tolist(),
    signs,
    bits[0],
    bits[..., :31],
    np.repeat(bits, 17, axis=0),
    bits[:0],
    [[1, 2], [3]],
  ):
    with pytest.raises(
      FormatError, match=r"^codes are a bool array \[1 to 16, .* Received: [^\n]*$"
    ):
      codec.decode(wrong)  # type: ignore[arg-type]
  floats = (small_photo[:2, :2] / 255).tolist()
  for image_of_floats in (floats, small_photo[:2, :2].tolist()):
    for take in (codec.encode, codec.compress):
      with pytest.raises(ImageError, match="Received: shape .2, 2, 3., dtype"):
        take(image_of_floats)  # type: ignore[arg-type]


# Entropy coding


def test_the_learned_coder_is_the_default_and_pays(
  codec: RecurrentCodec, large_crop: np.ndarray
) -> None:
  none, learned = (
    len(codec.compress(large_crop, 4, entropy_coder=name)) for name in ("none", "learned")
  )
  assert len(codec.compress(large_crop, 4)) == learned < 0.85 * none


def test_the_file_is_as_long_as_the_probabilities_say(
  codec: RecurrentCodec, large_crop: np.ndarray
) -> None:
  bits = codec.encode(large_crop, 8)
  coder = codec.entropy_coder()
  assert isinstance(coder, LearnedCoder)
  estimate = coder.code_lengths(bits).sum() / 8
  assert abs(len(codec.compress(large_crop, 8)) - estimate) <= 0.005 * estimate + 64 + 32 + 6 * 8


def test_a_file_of_other_tables_is_refused(codec: RecurrentCodec, data: bytes) -> None:
  other = _forged(data, tables_id=codec.entropy_coder().tables_id ^ 1)
  with pytest.raises(ModelError, match="version .* of the entropy coder of mobile; this is"):
    codec.decompress(other)


def test_a_model_without_an_entropy_coder_packs_its_bits(
  codec: RecurrentCodec, small_photo: np.ndarray, data: bytes
) -> None:
  bare = RecurrentCodec.of_network("bare", codec.network, codec.model_id)
  packed = bare.compress(small_photo, 2)
  assert packed == codec.compress(small_photo, 2, entropy_coder="none")
  with pytest.raises(ModelError, match="model bare has no entropy coder; use 'none'"):
    bare.compress(small_photo, 2, entropy_coder="learned")
  with pytest.raises(ModelError, match="model bare has no entropy coder"):
    bare.decompress(data)


def test_a_small_file_of_a_huge_image_is_refused_at_once(
  codec: RecurrentCodec, data: bytes
) -> None:
  for sides in ({"height": 65535, "width": 16384}, {"height": 30000, "width": 20000}):
    with pytest.raises(FormatError, match="too few|needs about|damaged"):
      codec.decompress(_forged(data, tile=64, halo=4, **sides))


def test_targets_count_the_bytes_after_entropy_coding(
  codec: RecurrentCodec, large_crop: np.ndarray
) -> None:
  plain = RecurrentCodec.of_network("plain", codec.network, codec.model_id, codec.coder_folder)
  plain.configure(Options(entropy_coder="none"))
  packed = targets.to_size(plain, large_crop, 2300)
  learned = targets.to_size(codec, large_crop, 2300)
  assert rnic.read_header(packed.data).entropy_coder == 0
  assert len(packed.data) <= 2300 and len(learned.data) <= 2300
  assert learned.setting > packed.setting
  assert len(codec.compress(large_crop, learned.setting + 1)) > 2300


# What programs and evaluations ask


def test_settings_are_iterations() -> None:
  mobile, small = compression.load("mobile"), _small()
  assert list(mobile.settings) == list(range(1, 17)) and list(small.settings) == [1, 2, 3]
  assert (mobile.default_setting, small.default_setting) == (8, 3)
  assert [mobile.say(count) for count in (1, 8)] == ["1 iteration", "8 iterations"]
  assert mobile.nominal_bpp(np.zeros([50, 45, 3], np.uint8), 7) == pytest.approx(
    7 * 4 * 3 * 32 / (50 * 45)
  )


def test_what_a_file_says_needs_no_weights(data: bytes, small_photo: np.ndarray) -> None:
  assert RecurrentCodec.recognises(data) and not RecurrentCodec.recognises(b"\x89PNG")
  assert RecurrentCodec.model_of(data) == model_folders.find("mobile")
  assert RecurrentCodec.written(data) == range(1, 6)
  assert RecurrentCodec.ends(data) == list(rnic.layer_ends(data))
  assert RecurrentCodec.prefix(data, 2.0) == rnic.prefix(data, 2)
  assert RecurrentCodec.damage(data) is None
  described = RecurrentCodec.describe(data)
  assert (described.height, described.width) == small_photo.shape[:2]


def test_weights_are_read_when_they_are_needed(tmp_path: pathlib.Path) -> None:
  (tmp_path / "config.json").write_text(RecurrentConfig().to_json())
  codec = RecurrentCodec(model_folders.find(tmp_path))  # there are none
  assert list(codec.settings) == list(range(1, 17))
  with pytest.raises(ImageError):
    codec.compress(np.zeros([4, 4], np.uint8))
  for call in (codec.load, lambda: codec.compress(np.zeros([4, 4, 3], np.uint8))):
    with pytest.raises(ModelError, match="has no encoder.npz"):
      call()


def test_steps_are_the_files_and_images_of_each_iteration(small_photo: np.ndarray) -> None:
  codec, image = _small(), small_photo[:33, :40]
  steps = list(codec.steps(image))
  assert [step.setting for step in steps] == [1, 2, 3]
  for step in steps:  # after the last: each remembers its own
    assert step.file() == codec.compress(image, step.setting)
    assert_near_pixels(step.image, codec.decompress(step.file()))


def test_an_image_of_a_size_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
  codec, compressed = _small(), []
  compress = codec.compress
  monkeypatch.setattr(
    codec, "compress", lambda image, count: compressed.append(count) or compress(image, count)
  )
  for side in (16, 16, 20, 16):
    codec.prepare(np.zeros([side, 16, 3], np.uint8))
  assert compressed == [2, 2]


def test_the_identity_changes_with_any_of_the_model_s_files(tmp_path: pathlib.Path) -> None:
  folder = tmp_path / "copy"
  shutil.copytree(model_folders.find("mobile").folder, folder)
  released = compression.load("mobile")
  copy = compression.load(folder)
  assert (copy.name, copy.identity) == ("copy", released.identity)
  assert compression.load(folder, "mixed_bfloat16").identity != released.identity
  (folder / "training/more.json").write_text("{}")  # does not change what it codes
  assert compression.load(folder).identity == released.identity
  coder = next((folder / "entropy_coder").glob("*.npz"))
  coder.write_bytes(coder.read_bytes() + b"x")
  assert compression.load(folder).identity != released.identity


FIRST_WEIGHTS_PSNR = (
  22.30, 24.81, 26.13, 27.14, 27.98, 28.61, 29.15, 29.63,
  30.02, 30.34, 30.60, 30.80, 30.95, 31.06, 31.10, 31.08,
)  # fmt: skip
"""dB at each iteration, means over a part of kodim01 to kodim03, of the first weights of this
project."""


@pytest.mark.slow
def test_the_released_model_is_better_than_the_first_one(kodak_dir: pathlib.Path) -> None:
  codec = compression.load()
  quality = []
  for file in sorted(kodak_dir.glob("*.png"))[:3]:
    image = np.ascontiguousarray(read_photo(file).image[160:288, 320:448])
    quality.append([float(psnr(image, step)) for step in codec.decode(codec.encode(image))])
  assert (np.mean(quality, 0) > FIRST_WEIGHTS_PSNR).all(), quality
