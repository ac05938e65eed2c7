/**
 * What stands between the bits of the networks and the bytes of a file: the port of
 * `compression/entropy/bits/packed.py` and `learned.py`.
 */

import {FormatError, ModelError} from "./errors.js";
import {IntegerNetwork, LayerDecoder} from "./integer_network.js";
import {LayerEncoder} from "./layer_encoder.js";
import {readNpz} from "./npz.js";
import {RangeDecoder} from "./range_decoder.js";

/** @typedef {import("./rnic.js").Header} Header */

const TOTAL = 2 ** 16;

/**
 * Decodes payload after payload of one image.
 *
 * @typedef {(payload: Uint8Array) => Int8Array} DecodeLayer gives the next layer's bits, -1 and 1,
 *   [blocks high, blocks wide, bits]
 */

/**
 * Encodes layer after layer of one image.
 *
 * @typedef {(bits: Int8Array) => Uint8Array} EncodeLayer gives the payload of the next layer
 */

/** The bits as they are, eight to a byte. */
export class PackedBits {
  id = 0;
  layers = Infinity;
  tablesId = 0;
  bytesOfPlace = 0;

  /**
   * @param {Header} header
   * @param {number} bits of a block
   * @returns {DecodeLayer}
   */
  start({blocksHigh, blocksWide}, bits) {
    const count = blocksHigh * blocksWide * bits;
    return (payload) => {
      if (payload.length !== Math.ceil(count / 8)) {
        throw new FormatError(`a layer has ${payload.length} bytes, not ${Math.ceil(count / 8)}`);
      }
      return Int8Array.from({length: count}, (_, index) =>
        payload[index >> 3] & (0x80 >> (index & 7)) ? 1 : -1,
      );
    };
  }

  /** @returns {EncodeLayer} */
  startEncoding() {
    return (bits) => {
      const payload = new Uint8Array(Math.ceil(bits.length / 8));
      for (let index = 0; index < bits.length; index++) {
        if (bits[index] > 0) payload[index >> 3] |= 0x80 >> (index & 7);
      }
      return payload;
    };
  }
}

/** A probability model in exact integers, and a range decoder. */
export class LearnedCoder {
  /**
   * @param {IntegerNetwork} network
   * @param {number} tablesId which version of it files carry
   */
  constructor(network, tablesId) {
    this.network = network;
    this.tablesId = tablesId;
    this.bytesOfPlace = network.bytesOfPlace;
    this.id = 1;
    /** The most that an image has. */
    this.layers = network.config.layer_count;
  }

  /**
   * @param {Header} header
   * @param {number} bits of a block
   * @returns {DecodeLayer}
   * @throws {FormatError} if the file has more layers than the coder was trained for
   */
  start({blocksHigh, blocksWide, layers}, bits) {
    const {layer_count: most, layer_depth: depth} = this.network.config;
    if (layers > most || bits !== depth) {
      throw new FormatError(
        `the entropy coder knows ${most} layers of ${depth} bits; here are ${layers} of ${bits}`,
      );
    }
    // No bit is quite certain: so many bytes any layer takes.
    const {probabilities} = this.network;
    const certain = Math.max(...probabilities, ...probabilities.map((zero) => TOTAL - zero)) / TOTAL;
    const shortest = Math.floor((-Math.log2(certain) * blocksHigh * blocksWide * bits) / 8);
    const decoder = new LayerDecoder(this.network, blocksHigh, blocksWide);
    return (payload) => {
      if (payload.length < shortest) {
        throw new FormatError(`a layer has ${payload.length} bytes, too few for so large an image`);
      }
      return decoder.next(new RangeDecoder(payload));
    };
  }

  /**
   * @param {Header} header
   * @returns {EncodeLayer}
   */
  startEncoding({blocksHigh, blocksWide}) {
    const encoder = new LayerEncoder(this.network, blocksHigh, blocksWide);
    return (bits) => encoder.next(bits);
  }
}

/**
 * The coder of an exported folder.
 *
 * @param {string} config the text of config.json
 * @param {ArrayBuffer} weights weights.npz
 * @param {number} tablesId
 * @returns {Promise<LearnedCoder>}
 * @throws {ModelError} if it is damaged, or of a kind that is not known here
 */
export async function readCoder(config, weights, tablesId) {
  const {model, config: values} = JSON.parse(config);
  if (model !== "interlaced") throw new ModelError(`the entropy coder ${model} is not known here`);
  return new LearnedCoder(new IntegerNetwork(values, await readNpz(weights)), tablesId);
}
