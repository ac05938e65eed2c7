/** Writes the `.rnic` file, which `rnic.js` reads and `compression/formats/rnic.py` tells of. */

import {crc16, crc32, HEADER_BYTES, LAYER_OVERHEAD_BYTES, LENGTH_BYTES, MAGIC, parity, readHeader, VERSION}
  from "./rnic.js";

/** @typedef {import("./rnic.js").Header} Header */

const CRC_AT = 28;

/**
 * What is chosen of a header; the rest follows.
 *
 * @typedef {Pick<Header, "height" | "width" | "layers" | "modelId" | "entropyCoder" | "tile" | "halo"
 *   | "tablesId">} Fields
 */

/**
 * @param {Fields} fields
 * @returns {Header}
 * @throws {FormatError} if no reader would take it
 */
export function makeHeader(fields) {
  return readHeader(headerBytes(fields));
}

/**
 * The file of these layers; its header says how many there are.
 *
 * @param {Fields} fields
 * @param {Uint8Array[]} payloads first layer first
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function write(fields, payloads) {
  const header = headerBytes({...fields, layers: payloads.length});
  const length = payloads.reduce((sum, payload) => sum + LAYER_OVERHEAD_BYTES + payload.length, HEADER_BYTES);
  const data = new Uint8Array(length);
  data.set(header);
  let chain32 = crc32(header.subarray(0, CRC_AT));
  let chain16 = chain32 & 0xffff;
  let at = HEADER_BYTES;
  for (const payload of payloads) {
    putNumber(data, at, payload.length);
    const lengthBytes = data.subarray(at, at + LENGTH_BYTES);
    chain16 = crc16(payload, crc16(lengthBytes, chain16));
    chain32 = crc32(payload, crc32(lengthBytes, chain32));
    const check = chain16 | ((chain32 & 0x7f) << 16) | (parity(payload.length) << 23);
    putNumber(data, at + LENGTH_BYTES, check);
    data.set(payload, at + LAYER_OVERHEAD_BYTES);
    at += LAYER_OVERHEAD_BYTES + payload.length;
  }
  return data;
}

/**
 * @param {Fields} fields
 * @returns {Uint8Array}
 */
function headerBytes({height, width, layers, modelId, entropyCoder, tile, halo, tablesId}) {
  const data = new Uint8Array(HEADER_BYTES);
  const view = new DataView(data.buffer);
  for (let index = 0; index < MAGIC.length; index++) data[index] = MAGIC.charCodeAt(index);
  data.set([VERSION, entropyCoder, layers, halo], MAGIC.length);
  for (let index = 0; index < 8; index++) data[8 + index] = parseInt(modelId.slice(2 * index, 2 * index + 2), 16);
  view.setUint32(16, height, true);
  view.setUint32(20, width, true);
  view.setUint16(24, tile, true);
  view.setUint16(26, tablesId, true);
  view.setUint32(CRC_AT, crc32(data.subarray(0, CRC_AT)), true);
  return data;
}

/**
 * 24 bits, the lowest first.
 *
 * @param {Uint8Array} data
 * @param {number} at
 * @param {number} value
 */
function putNumber(data, at, value) {
  data.set([value & 255, (value >> 8) & 255, (value >> 16) & 255], at);
}
