/** One iteration of the decoder or of the encoder, by LiteRT.js. */

import {loadAndCompile, loadLiteRt, Tensor} from "./runtime/litert.js";
import {BLOCK_SIDE} from "./rnic.js";

/** @typedef {import("./region.js").NetworkDescription} NetworkDescription */
/** @typedef {import("./region.js").Task} Task */
/** @typedef {import("./region.js").Result} Result */

const MAX_COMPILED = 2; // sizes of windows that are kept ready

const scope = /** @type {any} */ (globalThis);

/**
 * Loads LiteRT.js, and nothing from elsewhere; in a classic worker, as it uses `importScripts`.
 *
 * @returns {Promise<void>}
 */
export async function loadRuntime() {
  const folder = new URL("./runtime/", import.meta.url).href;
  // What the Emscripten module takes. It tells at length what it loads, as errors; errors are thrown.
  scope.Module = {locateFile: (/** @type {string} */ file) => folder + file, print() {}, printErr() {}};
  // No GPU is asked for: only processors give the same pixels everywhere.
  const adapter = {limits: {}, features: new Set(), requestDevice: async () => null};
  Object.defineProperty(navigator, "gpu", {value: {requestAdapter: async () => adapter}});
  await loadLiteRt(folder);
}

export class Network {
  /** By size, last used last. @type {Map<string, any>} */
  #compiled = new Map();
  #model;
  #description;

  /**
   * @param {Uint8Array<ArrayBuffer>} model decoder.tflite or encoder.tflite
   * @param {NetworkDescription} description
   */
  constructor(model, description) {
    this.#model = model;
    this.#description = description;
  }

  /**
   * @param {Task} task
   * @returns {Promise<Result>}
   */
  async run({high, wide, input: given, states}) {
    const compiled = await this.#compile(high, wide);
    const {input, output, states: kinds} = this.#description;
    const floats = given instanceof Float32Array ? given : Float32Array.from(given);
    /** @type {Record<string, Tensor>} */
    const inputs = {};
    for (const [index, {name, stride, depth}] of [input, ...kinds].entries()) {
      const scale = BLOCK_SIDE / stride;
      const values = index ? states[index - 1] : floats;
      inputs[name] = new Tensor(values, [1, high * scale, wide * scale, depth]);
    }
    const outputs = await compiled.run(inputs);
    const found = outputs[output].toTypedArray();
    const after = kinds.map(({name}) => outputs[name].toTypedArray());
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    return {output: found, states: after};
  }

  /**
   * The network for windows of a size. LiteRT.js resizes no tensors: the size is written into the
   * file, where the exporter found that it stands.
   *
   * @param {number} high
   * @param {number} wide
   */
  async #compile(high, wide) {
    const key = `${high}x${wide}`;
    let compiled = this.#compiled.get(key);
    this.#compiled.delete(key);
    if (compiled === undefined) {
      for (const [oldest, unused] of this.#compiled) {
        if (this.#compiled.size < MAX_COMPILED) break;
        this.#compiled.delete(oldest);
        unused.delete();
      }
      const view = new DataView(this.#model.buffer, this.#model.byteOffset);
      for (const {offset, scale} of this.#description.shapes) {
        view.setInt32(offset, high * scale, true);
        view.setInt32(offset + 4, wide * scale, true);
      }
      compiled = await loadAndCompile(this.#model, {accelerator: "wasm"});
    }
    this.#compiled.set(key, compiled);
    return compiled;
  }
}
