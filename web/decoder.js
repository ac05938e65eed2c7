/**
 * From the bytes of a file to its images, in the order in which they come.
 *
 * Bits are decoded here while the networks, in workers of their own, are at the layer before.
 */

import {LearnedCoder, PackedBits} from "./entropy.js";
import {FormatError, ModelError} from "./errors.js";
import {MAX_MEMORY_BYTES, memoryOf, Picture} from "./picture.js";
import {LayerReader} from "./rnic.js";

/** @typedef {import("./picture.js").Description} Description */
/** @typedef {import("./region.js").Run} Run */
/** @typedef {import("./rnic.js").Header} Header */

/**
 * What decodes files.
 *
 * @typedef {object} Model
 * @property {Description} description
 * @property {() => Promise<LearnedCoder>} coder loads it when a file needs it
 * @property {Run} run
 * @property {number} workers that run at a time
 */

/**
 * An image.
 *
 * @typedef {object} Decoded
 * @property {Header} header
 * @property {number} iteration from 1
 * @property {number} bytes of the file up to it
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels RGBA [height, width]; the next one's, too
 */

const MAX_AHEAD = 2; // layers whose bits wait for the networks

/**
 * Decodes a file while it arrives.
 *
 * @param {AsyncIterable<Uint8Array> | Iterable<Uint8Array>} chunks
 * @param {Model} model
 * @param {(decoded: Decoded) => void} show is called after each iteration
 * @param {{iterations?: number, signal?: AbortSignal}} [options] `iterations`: no more than so many
 * @returns {Promise<{iterations: number, damage: string | null}>} what there was, and what is wrong
 *   with the rest, in words
 * @throws {FormatError} no `.rnic` file, or no layer of it is whole
 * @throws {ModelError} made with another model
 */
export async function decode(chunks, model, show, {iterations = Infinity, signal} = {}) {
  const {description} = model;
  const reader = new LayerReader(description.bits);
  /** @type {Picture | null} */
  let picture = null;
  /** @type {import("./entropy.js").DecodeLayer | null} */
  let decodeLayer = null;
  /** @type {Promise<void>[]} */
  const pending = [];
  let shown = Promise.resolve();
  read: for await (const chunk of chunks) {
    for (const {payload, end} of reader.push(chunk)) {
      const header = /** @type {Header} */ (reader.header);
      if (decodeLayer === null) {
        check(header, description);
        picture = new Picture(header, description, model.workers);
        decodeLayer = (await coderOf(header, model)).start(header, description.bits);
      }
      signal?.throwIfAborted();
      const bits = decodeLayer(payload);
      const iteration = reader.whole;
      const {pixels} = /** @type {Picture} */ (picture);
      shown = shown.then(async () => {
        signal?.throwIfAborted();
        await /** @type {Picture} */ (picture).add(bits, model.run);
        signal?.throwIfAborted();
        show({header, iteration, bytes: end, pixels});
      });
      shown.catch(() => undefined); // it is awaited, but later
      pending.push(shown);
      if (pending.length > MAX_AHEAD) await pending.shift();
      await turn();
      if (iteration >= iterations) break read;
    }
    if (reader.damage !== null) break;
  }
  await shown;
  if (reader.whole < iterations) reader.finish();
  return {iterations: reader.whole, damage: reader.damage};
}

/**
 * Refuses a file before anything is allocated by what its header says.
 *
 * @param {Header} header
 * @param {Description} description
 */
function check(header, description) {
  const {model, model_id: id, iterations} = description;
  if (header.modelId !== id) {
    throw new ModelError(`made with model ${header.modelId}; this page has ${model} (${id})`);
  }
  if (header.layers > iterations) {
    throw new FormatError(`has ${header.layers} layers; ${model} makes ${iterations}`);
  }
  const need = memoryOf(header, description);
  if (need > MAX_MEMORY_BYTES) {
    throw new FormatError(`needs about ${Math.round(need / 2 ** 30)} GiB, more than a page has`);
  }
}

/**
 * @param {Header} header
 * @param {Model} model
 */
async function coderOf(header, model) {
  if (header.entropyCoder === 0) return new PackedBits();
  const {tables_id: known, model: name} = model.description;
  if (header.tablesId !== known) {
    const [made, here] = [header.tablesId, known].map((id) => id.toString(16).padStart(4, "0"));
    throw new ModelError(`made with version ${made} of the entropy coder of ${name}; this is ${here}`);
  }
  return model.coder();
}

/** Lets the answers of workers in, which wait while bits are decoded. @returns {Promise<void>} */
function turn() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
