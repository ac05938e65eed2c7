/**
 * The network that tells how likely each bit of a layer is, in exact integers: the port of
 * `compression/entropy/bits/integer_interlaced.py`, whose names are used here.
 *
 * Sums are whole numbers below 2^53, held in float64 as there; products come from `kernels.js`.
 */

import {ModelError} from "./errors.js";
import {Kernels} from "./kernels.js";
import {interlacedSteps, interlacedTaps, rasterTaps, wavefrontSteps} from "./orders.js";

/** @typedef {import("./npz.js").NpyArray} NpyArray */
/** @typedef {import("./orders.js").Step} Step */
/** @typedef {import("./orders.js").Tap} Tap */
/** @typedef {import("./kernels.js").Matrix} Matrix */
/** @typedef {import("./range_decoder.js").RangeDecoder} RangeDecoder */

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

const ONE = 1024; // a bit as an activation is -ONE or ONE; not yet coded, 0
const ACTIVATION_MAX = 2 ** 15 - 1;
const LOGIT_MAX = 128;

/** @param {number} sum */
function relu(sum) {
  const value = Math.floor((sum + 2 ** 11) * 2 ** -12);
  return value < 0 ? 0 : value > ACTIVATION_MAX ? ACTIVATION_MAX : value;
}

/** @param {number} sum @returns {number} an index of `probabilities` */
function logitIndex(sum) {
  const value = Math.floor((sum + 2 ** 17) * 2 ** -18);
  return LOGIT_MAX + (value < -LOGIT_MAX ? -LOGIT_MAX : value > LOGIT_MAX ? LOGIT_MAX : value);
}

/** Depths at places, with zeros around them. */
class Padded {
  /**
   * @param {number} height
   * @param {number} width
   * @param {number} depth
   * @param {number} around
   */
  constructor(height, width, depth, around) {
    this.depth = depth;
    this.around = around;
    this.columns = width + 2 * around;
    this.data = new Int16Array((height + 2 * around) * this.columns * depth);
  }

  /** @param {number} row @param {number} column @returns {number} where its depths begin */
  at(row, column) {
    return ((row + this.around) * this.columns + column + this.around) * this.depth;
  }
}

/** Decodes the layers of one image, one after the other. */
export class LayerDecoder {
  #network;
  #height;
  #width;
  #layer = 0;
  /** The layer before, as -ONE and ONE. @type {Padded | null} */
  #x = null;
  /** @type {Padded | null} */
  #state = null;

  /**
   * @param {IntegerNetwork} network
   * @param {number} height in blocks
   * @param {number} width
   */
  constructor(network, height, width) {
    this.#network = network;
    this.#height = height;
    this.#width = width;
  }

  /**
   * The bits of the next layer.
   *
   * @param {RangeDecoder} reader
   * @returns {Int8Array} [height, width, D], -1 and 1
   */
  next(reader) {
    const size = [this.#height, this.#width];
    if (this.#x !== null) {
      this.#state = this.#network.nextState(this.#layer - 1, size, this.#x, this.#state);
    }
    this.#x = this.#network.decode(this.#layer++, size, reader, this.#state);
    const depth = this.#x.depth;
    const bits = new Int8Array(this.#height * this.#width * depth);
    for (let row = 0, to = 0; row < this.#height; row++) {
      let from = this.#x.at(row, 0);
      for (const end = to + this.#width * depth; to < end; ) bits[to++] = this.#x.data[from++] > 0 ? 1 : -1;
    }
    return bits;
  }
}

/** The weights of all layers. */
export class IntegerNetwork {
  /**
   * @param {Config} config
   * @param {Map<string, NpyArray>} arrays
   * @throws {ModelError} if an array is missing or has another size
   */
  constructor(config, arrays) {
    this.config = config;
    this.kernels = new Kernels();
    this.sets = Array.from(
      {length: Math.min(config.layer_count, config.shared_from + 1)},
      (_, index) => new KernelSet(config, index, this.kernels, (name, size) => array(arrays, name, size)),
    );
    this.biases = Array.from({length: config.layer_count}, (_, layer) => ({
      hidden: array(arrays, `biases${layer}/hidden`, config.hidden),
      logits: array(arrays, `biases${layer}/logits`, config.layer_depth),
      state: array(arrays, `biases${layer}/state`, config.state),
    }));
    this.probabilities = array(arrays, "probabilities", 2 * LOGIT_MAX + 1);
    /** Whether a layer's state has room for what `nextState` looks at and `decode` too. */
    this.around = 1;
  }

  /** About how much memory decoding takes for each place, in bytes. */
  get bytesOfPlace() {
    const {hidden, state, group_hidden: units, layer_depth: depth} = this.config;
    return 4 * state + 8 * hidden + 5 * depth + 2 * (units + depth);
  }

  /** @param {number} layer */
  #setOf(layer) {
    return this.sets[Math.min(layer, this.sets.length - 1)];
  }

  /**
   * s_{k+1}, activations.
   *
   * @param {number} layer k
   * @param {number[]} size
   * @param {Padded} x its bits
   * @param {Padded | null} state s_k
   * @returns {Padded}
   */
  nextState(layer, [height, width], x, state) {
    const {bits, own} = this.#setOf(layer);
    const bias = this.biases[layer].state;
    const depth = bias.length;
    const next = new Padded(height, width, depth, this.around);
    const seen = own === null ? null : state;
    const sums = new Float64Array(width * depth);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) sums.set(bias, column * depth);
      const add = (/** @type {number} */ column, /** @type {Float64Array} */ from, /** @type {number} */ at) => {
        for (let unit = 0; unit < depth; unit++) sums[column * depth + unit] += from[at + unit];
      };
      this.kernels.multiply(bits, width, (column, to, at) => window3(x, row, column, to, at), add);
      if (seen !== null) {
        const fill = (/** @type {number} */ column, /** @type {Int16Array} */ to, /** @type {number} */ at) => {
          copy(seen.data, seen.at(row, column), to, at, depth);
        };
        this.kernels.multiply(/** @type {Matrix} */ (own), width, fill, add);
      }
      const start = next.at(row, 0);
      for (let index = 0; index < sums.length; index++) next.data[start + index] = relu(sums[index]);
    }
    return next;
  }

  /**
   * The bits of a layer.
   *
   * @param {number} layer k
   * @param {number[]} size
   * @param {RangeDecoder} reader
   * @param {Padded | null} state s_k
   * @returns {Padded} as -ONE and ONE
   */
  decode(layer, [height, width], reader, state) {
    const set = this.#setOf(layer);
    const {context: side, layer_depth: depth, hidden} = this.config;
    const reach = (side - 1) / 2;
    const biases = this.biases[layer];
    const known = new Padded(height, width, depth, reach);
    const context = this.#context(set, [height, width], state, biases.hidden);
    const steps = set.isRaster ? wavefrontSteps(height, width, reach + 1) : interlacedSteps(height, width);
    const perPlace = this.config.group_hidden + depth;
    for (const step of steps) {
      const count = step.rows.length;
      const sums = new Float64Array(count * perPlace);
      this.#fromNeighbours(set, known, step, context, hidden, width, biases.logits, sums);
      const x = set.decodeGroups(count, sums, reader, this.probabilities);
      for (let place = 0; place < count; place++) {
        copy(x, place * depth, known.data, known.at(step.rows[place], step.columns[place]), depth);
      }
    }
    return known;
  }

  /**
   * What the earlier layers contribute to h.
   *
   * @param {KernelSet} set
   * @param {number[]} size
   * @param {Padded | null} state
   * @param {Float64Array} bias
   * @returns {Float64Array} sums [height, width, hidden]; [hidden] where all places have the same
   */
  #context(set, [height, width], state, bias) {
    const kernel = set.context;
    if (state === null || kernel === null) return bias;
    const hidden = bias.length;
    const sums = new Float64Array(height * width * hidden);
    this.kernels.multiply(
      kernel,
      height * width,
      (place, to, at) => window3(state, Math.floor(place / width), place % width, to, at),
      (place, from, at) => {
        for (let unit = 0; unit < hidden; unit++) sums[place * hidden + unit] = from[at + unit] + bias[unit];
      },
    );
    return sums;
  }

  /**
   * For the places of a step: sums before g, then those of the logits, without what the bits of the
   * places themselves add.
   *
   * @param {KernelSet} set
   * @param {Padded} known
   * @param {Step} step
   * @param {Float64Array} context
   * @param {number} hidden
   * @param {number} width
   * @param {Float64Array} logitsBias
   * @param {Float64Array} sums the result, [places, group_hidden + D]
   */
  #fromNeighbours(set, known, step, context, hidden, width, logitsBias, sums) {
    const {rows, columns, kind} = step;
    const count = rows.length;
    const kindBias = set.kindBias[kind];
    const isShared = context.length === hidden;
    const h = new Int16Array(count * hidden);
    const activate = (/** @type {number} */ place, /** @type {Float64Array | null} */ from, /** @type {number} */ at) => {
      const start = isShared ? 0 : (rows[place] * width + columns[place]) * hidden;
      for (let unit = 0; unit < hidden; unit++) {
        const sum = context[start + unit] + (kindBias === null ? 0 : kindBias[unit]);
        h[place * hidden + unit] = relu(sum + (from === null ? 0 : from[at + unit]));
      }
    };
    const neighbours = set.neighbours[kind];
    if (neighbours === null) {
      for (let place = 0; place < count; place++) activate(place, null, 0);
    } else {
      const {depth} = known;
      const offsets = set.taps[kind].map(({row, column}) => (row * known.columns + column) * depth);
      const fill = (/** @type {number} */ place, /** @type {Int16Array} */ to, /** @type {number} */ at) => {
        const here = known.at(rows[place], columns[place]);
        for (let tap = 0; tap < offsets.length; tap++) copy(known.data, here + offsets[tap], to, at + tap * depth, depth);
      };
      this.kernels.multiply(neighbours, count, fill, activate);
    }
    const fillHidden = (/** @type {number} */ place, /** @type {Int16Array} */ to, /** @type {number} */ at) =>
      copy(h, place * hidden, to, at, hidden);
    const h2 = new Int16Array(count * hidden);
    this.kernels.multiply(set.hidden, count, fillHidden, (place, from, at) => {
      for (let unit = 0; unit < hidden; unit++) h2[place * hidden + unit] = relu(from[at + unit] + set.hiddenBias[unit]);
    });
    const units = set.groupBias.length;
    const perPlace = units + logitsBias.length;
    const fillSecond = (/** @type {number} */ place, /** @type {Int16Array} */ to, /** @type {number} */ at) =>
      copy(h2, place * hidden, to, at, hidden);
    this.kernels.multiply(set.fromHidden, count, fillSecond, (place, from, at) => {
      const start = place * perPlace;
      for (let unit = 0; unit < units; unit++) sums[start + unit] = from[at + unit] + set.groupBias[unit];
      for (let bit = units; bit < perPlace; bit++) sums[start + bit] = from[at + bit] + logitsBias[bit - units];
    });
  }
}

/** One set of kernels. */
class KernelSet {
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
   * @param {RangeDecoder} reader
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
 * @param {Map<string, NpyArray>} arrays
 * @param {string} name
 * @param {number} size
 */
function array(arrays, name, size) {
  const found = arrays.get(name);
  if (found?.data.length !== size) {
    throw new ModelError(`the entropy coder's weights do not fit its configuration: ${name}`);
  }
  return Float64Array.from(found.data);
}

/**
 * @param {Float64Array} values [rows, columns]
 * @param {number} rows
 * @param {number} columns
 */
function transposed(values, rows, columns) {
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]);
}

/**
 * @param {Int16Array} from
 * @param {number} start
 * @param {Int16Array} to
 * @param {number} at
 * @param {number} count
 */
function copy(from, start, to, at, count) {
  for (let index = 0; index < count; index++) to[at + index] = from[start + index];
}

/**
 * A place and its eight neighbours.
 *
 * @param {Padded} of
 * @param {number} row
 * @param {number} column
 * @param {Int16Array} to
 * @param {number} at
 */
function window3(of, row, column, to, at) {
  const count = 3 * of.depth;
  for (let line = 0; line < 3; line++) {
    const start = of.at(row + line - 1, column - 1);
    copy(of.data, start, to, at + line * count, count);
  }
}
