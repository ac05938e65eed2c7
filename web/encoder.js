/**
 * From a photo to the file of each iteration: the loop of `compression/codecs/recurrent/network.py`.
 *
 * The decoder here is that of the page, tiles and all, so that each iteration encodes what is still
 * missing in the very picture that readers of the file see. The encoder is not cut by tiles: it looks
 * where it likes.
 */

import {PackedBits} from "./entropy.js";
import {FormatError} from "./errors.js";
import {MAX_MEMORY_BYTES, memoryOf, Picture} from "./picture.js";
import {paste, Region} from "./region.js";
import {BLOCK_SIDE} from "./rnic.js";
import {makeHeader, write} from "./rnic_writer.js";
import {windowSize} from "./tiling.js";

/** @typedef {import("./decoder.js").Model} Model */
/** @typedef {import("./photo.js").Photo} Photo */
/** @typedef {import("./region.js").NetworkDescription} NetworkDescription */
/** @typedef {import("./rnic.js").Header} Header */

/**
 * encoder.json, which the exporter writes.
 *
 * @typedef {object} EncodingDescription
 * @property {number} pixel_range the x of white; that of black is -x
 * @property {{pixels: number, tile: number, halo: number}} tiling of images of more pixels
 * @typedef {NetworkDescription & EncodingDescription} EncoderDescription
 */

/**
 * What encodes, beside what decodes.
 *
 * @typedef {object} Encoder
 * @property {EncoderDescription} description
 * @property {import("./region.js").Run} run
 */

/**
 * A photo after an iteration.
 *
 * @typedef {object} Encoded
 * @property {Header} header
 * @property {number} iteration from 1
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels RGBA [height, width], what the file decodes to
 * @property {Uint8Array<ArrayBuffer>} file of all iterations up to this one
 */

const RGBA = 4;
const RGB = 3;

/**
 * Encodes a photo.
 *
 * @param {Photo} photo
 * @param {Model} model
 * @param {Encoder} encoder
 * @param {(encoded: Encoded) => void} show is called after each iteration
 * @param {{iterations?: number, signal?: AbortSignal}} [options] `iterations`: no more than so many
 * @returns {Promise<number>} how many there were
 * @throws {FormatError} if it is too large
 */
export async function encode(photo, model, encoder, show, {iterations = Infinity, signal} = {}) {
  const {bits: depth, iterations: most, tables_id: tablesId, model_id: modelId} = model.description;
  const coder = tablesId ? await model.coder() : new PackedBits();
  const layers = Math.min(iterations, most, coder.layers);
  const header = makeHeader({
    height: photo.height,
    width: photo.width,
    layers,
    modelId,
    entropyCoder: coder.id,
    tablesId,
    ...tilingOf(photo, encoder.description),
  });
  const whole = padded(header);
  refuseTooLarge(whole, model, encoder);
  const picture = new Picture(whole, model.description, model.workers);
  const x = withPadding(photo, whole);
  const {blocksHigh: high, blocksWide: wide} = header;
  const size = windowSize(high, wide, encoder.description.reach, model.workers);
  const region = new Region(high, wide, size, encoder.description);
  const encodeLayer = coder.startEncoding(header);
  /** @type {Uint8Array[]} */
  const payloads = [];
  for (let iteration = 1; iteration <= layers; iteration++) {
    const u = new Float32Array(high * wide * depth);
    const residual = residuals(x, iteration > 1 ? picture.pixels : null, wide, encoder.description);
    await region.step(encoder.run, residual, (output, window) => {
      const own = window.outer.right - window.outer.left;
      paste(/** @type {Float32Array} */ (output), own, window, u, wide, 1, depth);
    });
    signal?.throwIfAborted();
    const bits = Int8Array.from(u, (value) => (value < 0 ? -1 : 1));
    const shown = picture.add(bits, model.run);
    shown.catch(() => undefined); // it is awaited, but later
    await turn();
    payloads.push(encodeLayer(bits));
    await shown;
    signal?.throwIfAborted();
    show({header, iteration, pixels: cropped(picture.pixels, whole, header), file: write(header, payloads)});
  }
  return layers;
}

/**
 * As Python cuts images, so that it decodes them in the memory that it has for its own.
 *
 * @param {Photo} photo
 * @param {EncoderDescription} description
 * @returns {{tile: number, halo: number}}
 */
function tilingOf({height, width}, {tiling: {pixels, tile, halo}}) {
  const blocks = Math.ceil(height / BLOCK_SIDE) * Math.ceil(width / BLOCK_SIDE);
  return blocks * BLOCK_SIDE ** 2 <= pixels ? {tile: 0, halo: 0} : {tile, halo};
}

/** @param {Header} header @returns {Header} of the whole blocks */
function padded(header) {
  return {...header, height: header.blocksHigh * BLOCK_SIDE, width: header.blocksWide * BLOCK_SIDE};
}

/**
 * @param {Header} header
 * @param {Model} model
 * @param {Encoder} encoder
 */
function refuseTooLarge(header, model, encoder) {
  const need = memoryOf(header, model.description) + memoryOf({...header, tile: 0}, encoder.description);
  if (need > MAX_MEMORY_BYTES) {
    const megapixels = Math.round((header.height * header.width) / 1e6);
    const most = Math.floor((megapixels * MAX_MEMORY_BYTES) / need);
    throw new FormatError(`has ${megapixels} megapixels; this page compresses no more than ${most}`);
  }
}

/**
 * The photo with its last row and column repeated up to whole blocks.
 *
 * @param {Photo} photo
 * @param {Header} whole
 * @returns {Uint8ClampedArray} RGBA
 */
function withPadding({height, width, pixels}, whole) {
  if (height === whole.height && width === whole.width) return pixels;
  const from = new Uint32Array(pixels.buffer, pixels.byteOffset, height * width);
  const to = new Uint32Array(whole.height * whole.width);
  for (let row = 0; row < whole.height; row++) {
    const line = from.subarray(Math.min(row, height - 1) * width).subarray(0, width);
    to.set(line, row * whole.width);
    to.fill(line[width - 1], row * whole.width + width, (row + 1) * whole.width);
  }
  return new Uint8ClampedArray(to.buffer);
}

/**
 * What a window of the encoder is given: what is missing, x at first.
 *
 * @param {Uint8ClampedArray} x RGBA
 * @param {Uint8ClampedArray | null} shown RGBA, after the iteration before
 * @param {number} wide blocks
 * @param {EncoderDescription} description
 * @returns {(seen: import("./tiling.js").Rectangle) => Float32Array}
 */
function residuals(x, shown, wide, {pixel_range: range}) {
  const scale = (2 * range) / 255;
  return (seen) => {
    const high = (seen.bottom - seen.top) * BLOCK_SIDE;
    const columns = (seen.right - seen.left) * BLOCK_SIDE;
    const found = new Float32Array(high * columns * RGB);
    let to = 0;
    for (let row = 0; row < high; row++) {
      let from = ((seen.top * BLOCK_SIDE + row) * wide + seen.left) * BLOCK_SIDE * RGBA;
      for (let column = 0; column < columns; column++, from += RGBA) {
        for (let colour = from; colour < from + RGB; colour++) {
          found[to++] = shown === null ? x[colour] * scale - range : (x[colour] - shown[colour]) * scale;
        }
      }
    }
    return found;
  };
}

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA
 * @param {Header} whole
 * @param {Header} header
 * @returns {Uint8ClampedArray<ArrayBuffer>} a copy
 */
function cropped(pixels, whole, {height, width}) {
  const found = new Uint8ClampedArray(height * width * RGBA);
  for (let row = 0; row < height; row++) {
    const start = row * whole.width * RGBA;
    found.set(pixels.subarray(start, start + width * RGBA), row * width * RGBA);
  }
  return found;
}

/** Lets what is waiting begin. @returns {Promise<void>} */
function turn() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
