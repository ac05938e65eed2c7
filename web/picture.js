/** An image on its way: the networks' states, and what the last iteration made of them. */

import {cut, Region, shifted} from "./region.js";
import {BLOCK_SIDE} from "./rnic.js";
import {tiles, windowSize} from "./tiling.js";

/** @typedef {import("./region.js").NetworkDescription} NetworkDescription */
/** @typedef {import("./region.js").Run} Run */
/** @typedef {import("./rnic.js").Header} Header */
/** @typedef {import("./tiling.js").Part} Part */
/** @typedef {import("./tiling.js").Rectangle} Rectangle */

/**
 * decoder.json, which the exporter writes: that of the network, and of the model.
 *
 * @typedef {object} ModelDescription
 * @property {string} model name
 * @property {string} model_id 16 hexadecimal digits
 * @property {number} bits of a block and iteration
 * @property {number} iterations the most that files have
 * @property {number} tables_id of the entropy coder; 0 if there is none
 * @typedef {NetworkDescription & ModelDescription} Description
 */

/** What a page has, about. */
export const MAX_MEMORY_BYTES = 4 * 2 ** 30;

const RGBA = 4;
const FLOAT_BYTES = 4;

/** Runs iteration after iteration of one image. */
export class Picture {
  /** uint8 RGBA [height, width] @type {Uint8ClampedArray<ArrayBuffer>} */
  pixels;
  #description;
  #header;
  /** The tiles, or the whole image. @type {{part: Part, region: Region}[]} */
  #tiles;

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
    this.#tiles = parts.map((part, index) => ({
      part,
      region: new Region(sides[index][0], sides[index][1], size, description),
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
    const {blocksWide} = this.#header;
    const add = (/** @type {{part: Part, region: Region}} */ {part, region}) => {
      const {top, left} = part.outer;
      const inputOf = (/** @type {Rectangle} */ seen) =>
        cut(bits, blocksWide, shifted(seen, top, left), 1, this.#description.bits);
      return region.step(run, inputOf, (image, window) => this.#draw(image, window, part));
    };
    await Promise.all(this.#tiles.map(add));
  }

  /**
   * @param {Uint8Array | Float32Array} image of a window
   * @param {Part} window within the tile
   * @param {Part} tile within the image
   */
  #draw(image, window, tile) {
    const wide = window.outer.right - window.outer.left;
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
 * @param {{blocksHigh: number, blocksWide: number, tile: number, halo: number}} header
 * @param {{states: NetworkDescription["states"]}} description
 * @returns {number} bytes
 */
export function memoryOf({blocksHigh, blocksWide, tile, halo}, {states}) {
  const ofBlock = states.reduce((sum, {stride, depth}) => sum + (BLOCK_SIDE / stride) ** 2 * depth, 0);
  const overlap = tile ? (1 + (2 * halo) / tile) ** 2 : 1;
  return blocksHigh * blocksWide * (FLOAT_BYTES * ofBlock * overlap + RGBA * BLOCK_SIDE ** 2);
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
