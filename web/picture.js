/** An image on its way: the networks' states, and what the last iteration made of them. */

import {tiles, windows, windowSize} from "./tiling.js";
import {BLOCK_SIDE} from "./rnic.js";

/** @typedef {import("./rnic.js").Header} Header */
/** @typedef {import("./tiling.js").Part} Part */
/** @typedef {import("./tiling.js").Rectangle} Rectangle */

/**
 * decoder.json, which the exporter writes.
 *
 * @typedef {object} Description
 * @property {string} model name
 * @property {string} model_id 16 hexadecimal digits
 * @property {number} bits of a block and iteration
 * @property {number} iterations the most that files have
 * @property {{name: string, stride: number, depth: number}[]} states
 * @property {number} tables_id of the entropy coder; 0 if there is none
 * @property {number | null} reach blocks that an iteration looks to each side; null: not known
 * @property {{offset: number, scale: number}[]} shapes where decoder.tflite has a height and, after
 *   it, a width; each is `scale` for a block
 */

/**
 * What the networks are given for a window, or what they give.
 *
 * @typedef {object} Task
 * @property {number} high blocks
 * @property {number} wide
 * @property {Int8Array} bits [high, wide, bits]
 * @property {Float32Array[]} states in the order of the description
 */

/**
 * @typedef {object} Result
 * @property {Uint8Array} image [16 high, 16 wide, 3]
 * @property {Float32Array[]} states
 */

/**
 * Runs one iteration of a window.
 *
 * @typedef {(makeTask: () => Task) => Promise<Result>} Run the task is made when it is due
 */

/**
 * A tile, or the whole image, with its states.
 *
 * @typedef {object} Region
 * @property {Part} part within the image
 * @property {number} high blocks that are run
 * @property {number} wide
 * @property {Part[]} windows within what is run
 * @property {Float32Array[] | null} states null before the first iteration
 */

const RGBA = 4;
const FLOAT_BYTES = 4;

/** Runs iteration after iteration of one image. */
export class Picture {
  /** uint8 RGBA [height, width] @type {Uint8ClampedArray<ArrayBuffer>} */
  pixels;
  #description;
  #header;
  /** @type {Region[]} */
  #regions;

  /**
   * @param {Header} header
   * @param {Description} description
   * @param {number} workers
   */
  constructor(header, description, workers) {
    const {height, width, blocksHigh, blocksWide, tile, halo} = header;
    this.#header = header;
    this.#description = description;
    this.pixels = new Uint8ClampedArray(height * width * RGBA);
    const parts = tiles(blocksHigh, blocksWide, tile, halo);
    const sides = parts.map(({outer}) => [outer.bottom - outer.top, outer.right - outer.left]);
    const [high, wide] = [0, 1].map((axis) => Math.max(...sides.map((side) => side[axis])));
    const size = windowSize(high, wide, description.reach, Math.max(1, workers / parts.length));
    this.#regions = parts.map((part, index) => ({
      part,
      high: sides[index][0],
      wide: sides[index][1],
      windows: windows(sides[index][0], sides[index][1], size, description.reach),
      states: null,
    }));
  }

  /**
   * Runs one iteration.
   *
   * @param {Int8Array} bits -1 and 1, [blocks high, blocks wide, bits]
   * @param {Run} run
   * @returns {Promise<void>} when `pixels` is the image after it
   */
  async add(bits, run) {
    await Promise.all(this.#regions.map((region) => this.#addRegion(region, bits, run)));
  }

  /**
   * @param {Region} region
   * @param {Int8Array} bits
   * @param {Run} run
   */
  async #addRegion(region, bits, run) {
    const {bits: depth, states} = this.#description;
    const {outer} = region.part;
    const before = region.states;
    /** Made when the first window is due: not all tiles' at once. @type {Float32Array[]} */
    let after = [];
    const start = () => {
      if (after.length) return;
      after = states.map((state) => {
        const scale = BLOCK_SIDE / state.stride;
        return new Float32Array(region.high * scale * region.wide * scale * state.depth);
      });
    };
    const runWindow = async (/** @type {Part} */ window) => {
      const high = window.outer.bottom - window.outer.top;
      const wide = window.outer.right - window.outer.left;
      const seen = shifted(window.outer, outer.top, outer.left);
      const result = await run(() => {
        start();
        return {
          high,
          wide,
          bits: cut(bits, this.#header.blocksWide, seen, 1, depth),
          states: states.map(({stride, depth: own}, index) => {
            const scale = BLOCK_SIDE / stride;
            if (before === null) return new Float32Array(high * wide * scale * scale * own);
            return cut(before[index], region.wide, window.outer, scale, own);
          }),
        };
      });
      for (const [index, {stride, depth: own}] of states.entries()) {
        const scale = BLOCK_SIDE / stride;
        paste(result.states[index], wide, window, after[index], region.wide, scale, own);
      }
      this.#draw(result.image, wide, window, region.part);
    };
    await Promise.all(region.windows.map(runWindow));
    region.states = after;
  }

  /**
   * @param {Uint8Array} image of a window
   * @param {number} wide of it
   * @param {Part} window within the tile
   * @param {Part} tile within the image
   */
  #draw(image, wide, window, tile) {
    const {height, width} = this.#header;
    const {top, left} = tile.outer;
    const kept = overlap(shifted(window.inner, top, left), tile.inner);
    const bottom = Math.min(height, kept.bottom * BLOCK_SIDE);
    const right = Math.min(width, kept.right * BLOCK_SIDE);
    const rowOf = (window.outer.top + top) * BLOCK_SIDE;
    const columnOf = (window.outer.left + left) * BLOCK_SIDE;
    for (let row = kept.top * BLOCK_SIDE; row < bottom; row++) {
      let to = (row * width + kept.left * BLOCK_SIDE) * RGBA;
      let from = ((row - rowOf) * wide * BLOCK_SIDE + kept.left * BLOCK_SIDE - columnOf) * 3;
      for (let column = kept.left * BLOCK_SIDE; column < right; column++) {
        this.pixels[to++] = image[from++];
        this.pixels[to++] = image[from++];
        this.pixels[to++] = image[from++];
        this.pixels[to++] = 255;
      }
    }
  }
}

/**
 * About how much memory an image takes: the states of all its tiles, once, and its pixels.
 *
 * @param {Header} header
 * @param {Description} description
 * @returns {number} bytes
 */
export function memoryOf({blocksHigh, blocksWide, tile, halo}, {states}) {
  const ofBlock = states.reduce((sum, {stride, depth}) => sum + (BLOCK_SIDE / stride) ** 2 * depth, 0);
  const overlap = tile ? (1 + (2 * halo) / tile) ** 2 : 1;
  return blocksHigh * blocksWide * (FLOAT_BYTES * ofBlock * overlap + RGBA * BLOCK_SIDE ** 2);
}

/**
 * @param {Rectangle} of
 * @param {number} rows
 * @param {number} columns
 * @returns {Rectangle}
 */
function shifted({top, left, bottom, right}, rows, columns) {
  return {top: top + rows, left: left + columns, bottom: bottom + rows, right: right + columns};
}

/**
 * @param {Rectangle} first
 * @param {Rectangle} second
 * @returns {Rectangle}
 */
function overlap(first, second) {
  return {
    top: Math.max(first.top, second.top),
    left: Math.max(first.left, second.left),
    bottom: Math.min(first.bottom, second.bottom),
    right: Math.min(first.right, second.right),
  };
}

/**
 * A rectangle of an array [rows * scale, wide * scale, depth].
 *
 * @template {Int8Array | Float32Array} T
 * @param {T} from
 * @param {number} wide blocks
 * @param {Rectangle} of blocks
 * @param {number} scale places along a side of a block
 * @param {number} depth
 * @returns {T}
 */
function cut(from, wide, of, scale, depth) {
  const columns = (of.right - of.left) * scale * depth;
  const rows = (of.bottom - of.top) * scale;
  const found = new /** @type {any} */ (from.constructor)(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = ((of.top * scale + row) * wide + of.left) * scale * depth;
    found.set(from.subarray(start, start + columns), row * columns);
  }
  return found;
}

/**
 * Puts what is kept of a window where it belongs.
 *
 * @param {Float32Array} from
 * @param {number} fromWide
 * @param {Part} window
 * @param {Float32Array} to
 * @param {number} toWide
 * @param {number} scale
 * @param {number} depth
 */
function paste(from, fromWide, {inner, outer}, to, toWide, scale, depth) {
  const columns = (inner.right - inner.left) * scale * depth;
  for (let row = inner.top * scale; row < inner.bottom * scale; row++) {
    const start = ((row - outer.top * scale) * fromWide + inner.left - outer.left) * scale * depth;
    to.set(from.subarray(start, start + columns), (row * toWide + inner.left) * scale * depth);
  }
}
