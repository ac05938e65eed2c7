/** Reads NumPy's `.npz` archives of integer arrays: zip files of `.npy` files. */

import {ModelError} from "./errors.js";

/**
 * An array in C order.
 *
 * @typedef {object} NpyArray
 * @property {number[]} shape
 * @property {Int16Array | Int32Array} data
 */

const CENTRAL_DIRECTORY = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;
const NPY_MAGIC_BYTES = 8;

/** @type {Record<string, Int16ArrayConstructor | Int32ArrayConstructor>} */
const TYPES = {"<i2": Int16Array, "<i4": Int32Array};

/**
 * All arrays of an archive by name.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Promise<Map<string, NpyArray>>}
 * @throws {ModelError} if it is no such archive
 */
export async function readNpz(buffer) {
  const view = new DataView(buffer);
  const arrays = new Map();
  try {
    let end = buffer.byteLength - END_BYTES;
    while (view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
    const count = view.getUint16(end + 10, true);
    let entry = view.getUint32(end + 16, true);
    for (let number = 0; number < count; number++) {
      if (view.getUint32(entry, true) !== CENTRAL_DIRECTORY) throw new RangeError("no entry");
      const nameLength = view.getUint16(entry + 28, true);
      const name = new TextDecoder().decode(new Uint8Array(buffer, entry + CENTRAL_BYTES, nameLength));
      arrays.set(name.replace(/\.npy$/, ""), readNpy(await content(view, entry)));
      const extra = view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
      entry += CENTRAL_BYTES + nameLength + extra;
    }
  } catch (error) {
    throw new ModelError(`the entropy coder's weights are damaged: ${error}`);
  }
  return arrays;
}

/**
 * @param {DataView} view
 * @param {number} entry of the central directory
 * @returns {Promise<ArrayBuffer>} what that file holds
 */
async function content(view, entry) {
  const method = view.getUint16(entry + 10, true);
  const size = view.getUint32(entry + 20, true);
  const local = view.getUint32(entry + 42, true);
  const start = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), start, size);
  if (method === STORED) return bytes.slice().buffer;
  if (method !== DEFLATED) throw new RangeError(`compression ${method}`);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(inflated).arrayBuffer();
}

/**
 * @param {ArrayBuffer} buffer an `.npy` file
 * @returns {NpyArray}
 */
function readNpy(buffer) {
  const view = new DataView(buffer);
  const isFirst = view.getUint8(6) === 1; // later versions have a longer length
  const length = isFirst ? view.getUint16(NPY_MAGIC_BYTES, true) : view.getUint32(NPY_MAGIC_BYTES, true);
  const start = NPY_MAGIC_BYTES + (isFirst ? 2 : 4);
  const header = new TextDecoder().decode(new Uint8Array(buffer, start, length));
  const type = /'descr': '([^']*)'/.exec(header)?.[1] ?? "";
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "";
  if (!(type in TYPES) || !/'fortran_order': False/.test(header)) throw new RangeError(header);
  const sides = shape.split(",").filter((side) => side.trim()).map(Number);
  const data = new TYPES[type](buffer.slice(start + length));
  return {shape: sides, data};
}
