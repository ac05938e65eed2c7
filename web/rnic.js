/**
 * Reads the `.rnic` file while it arrives: the port of `compression/formats/rnic.py`, which has the
 * format byte by byte, and whose words for damage are used here.
 */

import {FormatError} from "./errors.js";

export const HEADER_BYTES = 32;
export const BLOCK_SIDE = 16;

export const MAGIC = "RNIC";
export const VERSION = 1;
export const LAYER_OVERHEAD_BYTES = 6;
export const LENGTH_BYTES = 3;
const CODERS = {0: "none", 1: "learned"};

const MAX_LAYERS = 16;
const MAX_SIDE = 2 ** 16 - 1;
const MAX_PIXELS = 2 ** 30;
const MAX_TILE = 2 ** 12;

/**
 * What a file says about its image.
 *
 * @typedef {object} Header
 * @property {number} height pixels
 * @property {number} width pixels
 * @property {number} layers that the encoder wrote; a cut file has fewer
 * @property {string} modelId 16 hexadecimal digits
 * @property {number} entropyCoder 0 none, 1 learned
 * @property {number} tile side in blocks, 0 if untiled
 * @property {number} halo blocks by which tiles overlap
 * @property {number} tablesId version of the learned tables
 * @property {number} blocksHigh rows of blocks
 * @property {number} blocksWide columns of blocks
 * @property {number} crc CRC-32 of the header, where both chains start
 */

const CRC32_TABLE = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

const CRC16_TABLE = new Uint16Array(256).map((_, index) => {
  let value = index << 8;
  for (let bit = 0; bit < 8; bit++) value = value & 0x8000 ? (value << 1) ^ 0x1021 : value << 1;
  return value;
});

/**
 * CRC-32 as zlib has it, continued from the one of what came before.
 *
 * @param {Uint8Array} bytes
 * @param {number} [crc]
 * @returns {number}
 */
export function crc32(bytes, crc = 0) {
  let value = ~crc;
  for (const byte of bytes) value = (value >>> 8) ^ CRC32_TABLE[(value ^ byte) & 255];
  return ~value >>> 0;
}

/**
 * CRC-16/XMODEM, continued.
 *
 * @param {Uint8Array} bytes
 * @param {number} crc
 * @returns {number}
 */
export function crc16(bytes, crc) {
  let value = crc;
  for (const byte of bytes) value = ((value << 8) & 0xffff) ^ CRC16_TABLE[(value >> 8) ^ byte];
  return value;
}

/**
 * The header of a file, of which at least the first 32 bytes are there.
 *
 * @param {Uint8Array} data
 * @returns {Header}
 * @throws {FormatError} not such a file, damaged, newer, or with a value that is not allowed
 */
export function readHeader(data) {
  const start = String.fromCharCode(...data.subarray(0, MAGIC.length));
  if (start !== MAGIC) throw new FormatError("not an .rnic file: it does not start with RNIC");
  if (data.length < HEADER_BYTES) {
    throw new FormatError(`cut short in the header: ${data.length} of ${HEADER_BYTES} bytes`);
  }
  const view = new DataView(data.buffer, data.byteOffset, HEADER_BYTES);
  const crc = view.getUint32(28, true);
  if (crc32(data.subarray(0, 28)) !== crc) {
    throw new FormatError("the header is damaged: its checksum is wrong");
  }
  const version = data[4];
  if (version > VERSION) {
    throw new FormatError(`version ${version} is newer than this page reads (${VERSION})`);
  }
  if (version !== VERSION) throw new FormatError(`version ${version} does not exist; this page reads ${VERSION}`);
  const header = {
    entropyCoder: data[5],
    layers: data[6],
    halo: data[7],
    modelId: [...data.subarray(8, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    height: view.getUint32(16, true),
    width: view.getUint32(20, true),
    tile: view.getUint16(24, true),
    tablesId: view.getUint16(26, true),
    blocksHigh: 0,
    blocksWide: 0,
    crc,
  };
  check(header);
  header.blocksHigh = Math.ceil(header.height / BLOCK_SIDE);
  header.blocksWide = Math.ceil(header.width / BLOCK_SIDE);
  return header;
}

/** @param {Header} header */
function check(header) {
  if (!(header.entropyCoder in CODERS)) {
    const known = Object.entries(CODERS).map(([key, name]) => `${key} (${name})`).join(", ");
    throw new FormatError(`entropy coder ${header.entropyCoder} is unknown; known are ${known}`);
  }
  checkRange("height", header.height, 1, MAX_SIDE);
  checkRange("width", header.width, 1, MAX_SIDE);
  if (header.height * header.width > MAX_PIXELS) {
    throw new FormatError(
      `height x width of ${header.height} x ${header.width} exceeds ${MAX_PIXELS} pixels`,
    );
  }
  checkRange("layers", header.layers, 1, MAX_LAYERS);
  checkRange("tile", header.tile, 0, MAX_TILE);
  if (header.halo >= Math.max(header.tile, 1)) {
    throw new FormatError(
      `halo of ${header.halo} blocks needs a larger tile, received a tile of ${header.tile}`,
    );
  }
  if (header.entropyCoder === 0 && header.tablesId) {
    throw new FormatError(
      `entropy tables id must be 0 with coder 0 (none), received ${header.tablesId}`,
    );
  }
}

/**
 * @param {string} name
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function checkRange(name, value, low, high) {
  if (value < low || value > high) {
    throw new FormatError(`${name} must be ${low}..${high}, received ${value}`);
  }
}

/**
 * Takes the bytes of a file in pieces of any size, and gives each layer as soon as it is whole.
 */
export class LayerReader {
  /** @type {Header | null} */
  header = null;
  /** Layers that were whole. */
  whole = 0;
  /** What is wrong, once that is certain; null as long as nothing is. @type {string | null} */
  damage = null;
  /** Bytes up to the end of the last whole layer. */
  end = 0;
  /** Bytes that came. */
  received = 0;

  /** What came and is not yet read. @type {Uint8Array} */
  #left = new Uint8Array(0);
  #crc16 = 0;
  #crc32 = 0;

  /** @param {number} bitsPerBlock of the model: what layers without entropy coding must hold */
  constructor(bitsPerBlock) {
    this.bitsPerBlock = bitsPerBlock;
  }

  /**
   * Layers that are whole now, in order; none after damage.
   *
   * @param {Uint8Array} bytes what came next
   * @returns {Generator<{payload: Uint8Array, end: number}>} `end`: bytes of the file up to here
   * @throws {FormatError} as `readHeader`
   */
  *push(bytes) {
    this.received += bytes.length;
    if (this.damage !== null || this.#isDone()) return;
    this.#left = joined(this.#left, bytes);
    if (this.header === null) {
      const known = Math.min(this.#left.length, MAGIC.length);
      const isForeign = String.fromCharCode(...this.#left.subarray(0, known)) !== MAGIC.slice(0, known);
      if (this.#left.length < HEADER_BYTES && !isForeign) return;
      this.header = readHeader(this.#left);
      this.#crc16 = this.header.crc & 0xffff;
      this.#crc32 = this.header.crc;
      this.#drop(HEADER_BYTES);
    }
    while (this.damage === null && !this.#isDone()) {
      const payload = this.#nextLayer();
      if (payload === null) return;
      yield {payload, end: this.end};
    }
  }

  /**
   * Says that no more bytes come.
   *
   * @throws {FormatError} if no layer was whole
   */
  finish() {
    if (this.header === null) readHeader(this.#left);
    const {layers} = /** @type {Header} */ (this.header);
    if (this.damage === null && !this.#isDone()) {
      this.damage = this.whole
        ? `cut short: ${this.whole} of ${layers} layers ${this.whole === 1 ? "is" : "are"} whole`
        : `cut short: no layer is whole (of ${layers})`;
    }
    const extra = this.received - this.end;
    if (this.damage === null && extra) {
      this.damage = `${extra} ${extra === 1 ? "byte" : "bytes"} after the last layer`;
    }
    if (!this.whole) throw new FormatError(/** @type {string} */ (this.damage));
  }

  #isDone() {
    return this.header !== null && this.whole === this.header.layers;
  }

  /** @returns {Uint8Array | null} the payload; null if it is not there, or is damaged */
  #nextLayer() {
    const left = this.#left;
    if (left.length < LAYER_OVERHEAD_BYTES) return null;
    const length = left[0] | (left[1] << 8) | (left[2] << 16);
    const check = left[3] | (left[4] << 8) | (left[5] << 16);
    // The length is tested by itself first, so that a wrong one is not taken for a cut.
    if (parity(length) !== check >> 23 || this.#isWrong(length)) return this.#isDamaged();
    const end = LAYER_OVERHEAD_BYTES + length;
    if (left.length < end) return null;
    const lengthBytes = left.subarray(0, LENGTH_BYTES);
    const payload = left.slice(LAYER_OVERHEAD_BYTES, end);
    this.#crc16 = crc16(payload, crc16(lengthBytes, this.#crc16));
    this.#crc32 = crc32(payload, crc32(lengthBytes, this.#crc32));
    const expected = this.#crc16 | ((this.#crc32 & 0x7f) << 16) | (parity(length) << 23);
    if (expected !== check) return this.#isDamaged();
    this.#drop(end);
    this.whole++;
    return payload;
  }

  /** @param {number} length */
  #isWrong(length) {
    const {entropyCoder, blocksHigh, blocksWide} = /** @type {Header} */ (this.header);
    const packed = Math.ceil((blocksHigh * blocksWide * this.bitsPerBlock) / 8);
    return entropyCoder === 0 && length !== packed;
  }

  /** @returns {null} */
  #isDamaged() {
    const used =
      ["no layer is whole", "the layer before it is used"][this.whole] ??
      `the ${this.whole} layers before it are used`;
    const {layers} = /** @type {Header} */ (this.header);
    this.damage = `layer ${this.whole + 1} of ${layers} is damaged: ${used}`;
    return null;
  }

  /** @param {number} count */
  #drop(count) {
    this.#left = this.#left.subarray(count);
    this.end += count;
  }
}

/** @param {number} value */
export function parity(value) {
  let bits = 0;
  for (let left = value; left; left >>>= 1) bits ^= left & 1;
  return bits;
}

/**
 * @param {Uint8Array} first
 * @param {Uint8Array} second
 */
function joined(first, second) {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
