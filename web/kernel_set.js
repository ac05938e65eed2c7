/** The weights of some layers, as the network uses them; the names are those of Python. */

import {logitIndex, ONE, relu} from "./fixed_point.js";
import {interlacedTaps, rasterTaps} from "./orders.js";

/** @typedef {import("./kernels.js").Kernels} Kernels */
/** @typedef {import("./kernels.js").Matrix} Matrix */
/** @typedef {import("./orders.js").Tap} Tap */
/** @typedef {Pick<import("./range_decoder.js").RangeDecoder, "bit">} Reader */

/**
 * As `InterlacedConfig` in Python.
 *
 * @typedef {object} Config
 * @property {number} layer_depth D, bits at each place
 * @property {number} layer_count
 * @property {number} raster_layers
 * @property {number} shared_from
 * @property {number} context side of the kernel over the places of the layer itself
 * @property {number} hidden depth of h
 * @property {number} state depth of s
 * @property {number} groups
 * @property {number} group_hidden depth of g
 */

/** One set of kernels. */
export class KernelSet {
  /**
   * @param {Config} config
   * @param {number} index
   * @param {Kernels} kernels where the large matrices are kept
   * @param {(name: string, size: number) => Float64Array} read
   */
  constructor(config, index, kernels, read) {
    const {layer_depth: depth, hidden, state, context: side, group_hidden: units, groups} = config;
    const name = `kernels${index}/`;
    const keep = (/** @type {Float64Array} */ values, /** @type {number} */ rows, /** @type {number} */ columns) =>
      kernels.keep(rows, columns, (row, column) => values[row * columns + column]);
    this.isRaster = index < config.raster_layers;
    this.groups = groups;
    this.depth = depth;
    this.hidden = keep(read(`${name}hidden/kernel`, hidden * hidden), hidden, hidden);
    this.hiddenBias = read(`${name}hidden/bias`, hidden);
    const toGroups = read(`${name}group_hidden/kernel`, hidden * units);
    const toLogits = read(`${name}logits/kernel`, hidden * depth);
    // What h contributes to g and to the logits, in one product.
    this.fromHidden = kernels.keep(hidden, units + depth, (row, column) =>
      column < units ? toGroups[row * units + column] : toLogits[row * depth + column - units],
    );
    this.groupBias = read(`${name}group_hidden/bias`, units);
    // What follows is small, and read by columns.
    this.groupBits = transposed(read(`${name}group_bits/kernel`, depth * units), depth, units);
    this.logitsGroup = transposed(read(`${name}logits_group/kernel`, units * depth), units, depth);
    this.logitsBits = transposed(read(`${name}logits_bits/kernel`, depth * depth), depth, depth);
    this.bits = keep(read(`${name}state_bits/kernel`, 9 * depth * state), 9 * depth, state);
    /** Of the state before. @type {Matrix | null} */
    this.own = index ? keep(read(`${name}state_state/kernel`, state * state), state, state) : null;
    /** @type {Matrix | null} */
    this.context = index ? keep(read(`${name}context/kernel`, 9 * state * hidden), 9 * state, hidden) : null;
    /** @type {Tap[][]} */
    this.taps = this.isRaster ? rasterTaps(side) : interlacedTaps(side);
    const all = read(`${name}neighbours/kernel`, this.taps.length * side * side * depth * hidden);
    const reach = (side - 1) / 2;
    this.neighbours = this.taps.map((taps, kind) => {
      if (!taps.length) return null;
      const starts = taps.map(
        ({row, column}) => ((kind * side + row + reach) * side + column + reach) * depth * hidden,
      );
      return kernels.keep(taps.length * depth, hidden, (row, column) =>
        all[starts[Math.floor(row / depth)] + (row % depth) * hidden + column],
      );
    });
    const biases = this.isRaster ? null : read(`${name}neighbours/bias`, this.taps.length * hidden);
    this.kindBias = this.taps.map((_, kind) =>
      biases === null ? null : biases.subarray(kind * hidden, (kind + 1) * hidden),
    );
  }

  /**
   * Decodes the bits of places, group by group: a group sees the bits before it at its place.
   *
   * @param {number} count places
   * @param {Float64Array} sums [places, group_hidden + D]
   * @param {Reader} reader
   * @param {Float64Array} probabilities
   * @returns {Int16Array} [places, D], -ONE and ONE
   */
  decodeGroups(count, sums, reader, probabilities) {
    const {depth, groups, groupBits, logitsGroup, logitsBits} = this;
    const units = this.groupBias.length;
    const bits = depth / groups;
    const own = units / groups;
    const x = new Int16Array(count * depth);
    for (let group = 0; group < groups; group++) {
      const before = group * bits;
      const upTo = (group + 1) * own;
      for (let place = 0; place < count; place++) {
        // g takes the place of its sums.
        const g = place * (units + depth);
        const z = g + units;
        const here = place * depth;
        for (let unit = group * own; unit < upTo; unit++) {
          let sum = sums[g + unit];
          for (let bit = 0; bit < before; bit++) sum += x[here + bit] * groupBits[unit * depth + bit];
          sums[g + unit] = relu(sum);
        }
        for (let bit = before; bit < before + bits; bit++) {
          let sum = sums[z + bit];
          for (let unit = 0; unit < upTo; unit++) sum += sums[g + unit] * logitsGroup[bit * units + unit];
          for (let other = 0; other < before; other++) sum += x[here + other] * logitsBits[bit * depth + other];
          sums[z + bit] = sum;
        }
        for (let bit = before; bit < before + bits; bit++) {
          x[here + bit] = reader.bit(probabilities[logitIndex(sums[z + bit])]) ? ONE : -ONE;
        }
      }
    }
    return x;
  }
}

/**
 * @param {Float64Array} values [rows, columns]
 * @param {number} rows
 * @param {number} columns
 */
function transposed(values, rows, columns) {
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]);
}
