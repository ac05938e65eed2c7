/** A part of an image, with the states of a network, which is run on it in windows. */

import {BLOCK_SIDE} from "./rnic.js";
import {windows} from "./tiling.js";

/** @typedef {import("./tiling.js").Part} Part */
/** @typedef {import("./tiling.js").Rectangle} Rectangle */

/**
 * What a page must know of a network: part of decoder.json and of encoder.json.
 *
 * @typedef {object} NetworkDescription
 * @property {{name: string, stride: number, depth: number}} input what it is given
 * @property {string} output what it gives
 * @property {{name: string, stride: number, depth: number}[]} states
 * @property {number | null} reach blocks that an iteration looks to each side; null: not known
 * @property {{offset: number, scale: number}[]} shapes where the file has a height and, after it, a
 *   width; each is `scale` for a block
 */

/**
 * What a network is given for a window, or what it gives.
 *
 * @typedef {object} Task
 * @property {number} high blocks
 * @property {number} wide
 * @property {Int8Array | Float32Array} input [places high, places wide, depth]
 * @property {Float32Array[]} states in the order of the description
 */

/**
 * @typedef {object} Result
 * @property {Uint8Array | Float32Array} output
 * @property {Float32Array[]} states
 */

/**
 * Runs one iteration of a window.
 *
 * @typedef {(makeTask: () => Task) => Promise<Result>} Run the task is made when it is due
 */

export class Region {
  #high;
  #wide;
  #kinds;
  #windows;
  /** Null before the first iteration. @type {Float32Array[] | null} */
  #states = null;

  /**
   * @param {number} high blocks
   * @param {number} wide
   * @param {{high: number, wide: number}} size of a window at most
   * @param {NetworkDescription} description
   */
  constructor(high, wide, size, {states, reach}) {
    this.#high = high;
    this.#wide = wide;
    this.#kinds = states.map(({stride, depth}) => ({scale: BLOCK_SIDE / stride, depth}));
    this.#windows = windows(high, wide, size, reach);
  }

  /**
   * Runs one iteration.
   *
   * @param {Run} run
   * @param {(seen: Rectangle) => Int8Array | Float32Array} inputOf what a window is given
   * @param {(output: Uint8Array | Float32Array, window: Part) => void} take gets what it gives
   * @returns {Promise<void>}
   */
  async step(run, inputOf, take) {
    const before = this.#states;
    /** Made when the first window is due: not all regions' at once. @type {Float32Array[]} */
    let after = [];
    const start = () => {
      if (after.length) return;
      after = this.#kinds.map(
        ({scale, depth}) => new Float32Array(this.#high * scale * this.#wide * scale * depth),
      );
    };
    const runWindow = async (/** @type {Part} */ window) => {
      const high = window.outer.bottom - window.outer.top;
      const wide = window.outer.right - window.outer.left;
      const result = await run(() => {
        start();
        return {
          high,
          wide,
          input: inputOf(window.outer),
          states: this.#kinds.map(({scale, depth}, index) => {
            if (before === null) return new Float32Array(high * wide * scale * scale * depth);
            return cut(before[index], this.#wide, window.outer, scale, depth);
          }),
        };
      });
      for (const [index, {scale, depth}] of this.#kinds.entries()) {
        paste(result.states[index], wide, window, after[index], this.#wide, scale, depth);
      }
      take(result.output, window);
    };
    await Promise.all(this.#windows.map(runWindow));
    this.#states = after;
  }
}

/**
 * @param {Rectangle} of
 * @param {number} rows
 * @param {number} columns
 * @returns {Rectangle}
 */
export function shifted({top, left, bottom, right}, rows, columns) {
  return {top: top + rows, left: left + columns, bottom: bottom + rows, right: right + columns};
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
export function cut(from, wide, of, scale, depth) {
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
export function paste(from, fromWide, {inner, outer}, to, toWide, scale, depth) {
  const columns = (inner.right - inner.left) * scale * depth;
  for (let row = inner.top * scale; row < inner.bottom * scale; row++) {
    const start = ((row - outer.top * scale) * fromWide + inner.left - outer.left) * scale * depth;
    to.set(from.subarray(start, start + columns), (row * toWide + inner.left) * scale * depth);
  }
}
