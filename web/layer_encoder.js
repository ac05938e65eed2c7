/** Encodes the layers of one image, one after the other: `LayerDecoder` the other way round. */

import {LayerDecoder} from "./integer_network.js";
import {RangeEncoder} from "./range_encoder.js";

/** @typedef {import("./integer_network.js").IntegerNetwork} IntegerNetwork */

export class LayerEncoder {
  #network;
  #height;
  #width;
  #layer = 0;
  #decoder;

  /**
   * @param {IntegerNetwork} network
   * @param {number} height in blocks
   * @param {number} width
   */
  constructor(network, height, width) {
    this.#network = network;
    this.#height = height;
    this.#width = width;
    this.#decoder = new LayerDecoder(network, height, width);
  }

  /**
   * The payload of the next layer. The decoder runs as it will: each bit that it asks for is told,
   * and written with the probability that it gives.
   *
   * @param {Int8Array} bits [height, width, D], -1 and 1
   * @returns {Uint8Array}
   */
  next(bits) {
    const ordered = this.#ordered(bits);
    const encoder = new RangeEncoder();
    let at = 0;
    this.#decoder.next({bit: (zero) => encoder.add(ordered[at++] > 0 ? 1 : 0, zero)});
    this.#layer++;
    return encoder.finish();
  }

  /**
   * The bits in the order in which they are coded: step by step, in each the groups one by one.
   *
   * @param {Int8Array} bits
   * @returns {Int8Array}
   */
  #ordered(bits) {
    const {groups, layer_depth: depth} = this.#network.config;
    const ofGroup = depth / groups;
    const ordered = new Int8Array(bits.length);
    let at = 0;
    for (const {rows, columns} of this.#network.steps(this.#layer, this.#height, this.#width)) {
      for (let group = 0; group < groups; group++) {
        for (let place = 0; place < rows.length; place++) {
          const start = (rows[place] * this.#width + columns[place]) * depth + group * ofGroup;
          for (let bit = 0; bit < ofGroup; bit++) ordered[at++] = bits[start + bit];
        }
      }
    }
    return ordered;
  }
}
