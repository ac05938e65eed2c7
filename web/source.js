/** The bytes of a file, as they come: from an address, or from a file that a user chose. */

import {SourceError} from "./errors.js";

/**
 * @param {string | Blob} source an address, or the file
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<Uint8Array>}
 * @throws {SourceError} if there is none
 */
export async function* read(source, signal) {
  const stream = source instanceof Blob ? source.stream() : await open(source, signal);
  const reader = stream.getReader();
  try {
    for (;;) {
      const {done, value} = await readOn(reader, source);
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined); // nothing more is wanted, also where less was read
  }
}

/**
 * @param {string} address
 * @returns {Promise<ArrayBuffer>} all of it
 */
export async function readAll(address) {
  return new Response(await open(address)).arrayBuffer();
}

/**
 * @param {string} address
 * @param {AbortSignal} [signal]
 * @returns {Promise<ReadableStream<Uint8Array<ArrayBuffer>>>}
 */
async function open(address, signal) {
  let response;
  try {
    response = await fetch(address, {signal});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new SourceError(`${address}: cannot be fetched`);
  }
  if (!response.ok || response.body === null) {
    throw new SourceError(`${address}: ${response.status} ${response.statusText}`.trim());
  }
  return response.body;
}

/**
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {string | Blob} source
 */
async function readOn(reader, source) {
  try {
    return await reader.read();
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    // What came before is a picture: a connection that ends is a cut file.
    console.info(`${source instanceof Blob ? "the file" : source}: ended early`, error);
    return {done: /** @type {const} */ (true), value: undefined};
  }
}
