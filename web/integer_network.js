/**
 * The network that tells how likely each bit of a layer is, in exact integers: the port of
 * `compression/entropy/bits/integer_interlaced.py`, whose names are used here.
 *
 * Sums are whole numbers below 2^53, held in float64 as there; products come from `kernels.js`.
 */

import {ModelError} from "./errors.js";
import {LOGIT_MAX, relu} from "./fixed_point.js";
import {KernelSet} from "./kernel_set.js";
import {Kernels} from "./kernels.js";
import {interlacedSteps, wavefrontSteps} from "./orders.js";

/** @typedef {import("./npz.js").NpyArray} NpyArray */
/** @typedef {import("./orders.js").Step} Step */
/** @typedef {import("./kernel_set.js").Config} Config */
/** @typedef {import("./kernels.js").Matrix} Matrix */
/** @typedef {Pick<import("./range_decoder.js").RangeDecoder, "bit">} Reader */

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
   * @param {Reader} reader
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
   * The order of a layer.
   *
   * @param {number} layer
   * @param {number} height
   * @param {number} width
   * @returns {Generator<Step>}
   */
  steps(layer, height, width) {
    const lead = (this.config.context + 1) / 2;
    return this.#setOf(layer).isRaster ? wavefrontSteps(height, width, lead) : interlacedSteps(height, width);
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
   * @param {Reader} reader
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
    const perPlace = this.config.group_hidden + depth;
    for (const step of this.steps(layer, height, width)) {
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
