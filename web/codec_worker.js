/**
 * Decodes files and encodes photos away from the page, which stays free for its user.
 *
 * It is told {id, source, iterations}, {id, photo, iterations} or {cancel: id}, and tells, each with the
 * id: {picture}, as often as there is one, and {end} or {error} at last.
 */

import {decode} from "./decoder.js";
import {encode} from "./encoder.js";
import {loadEncoder, loadModel} from "./model.js";
import {readPhoto} from "./photo.js";
import {read} from "./source.js";

/** @typedef {import("./client.js").PictureMessage} PictureMessage */

/**
 * @typedef {object} Job
 * @property {number} id
 * @property {string | Blob} [source] of a file to decode
 * @property {Blob} [photo] to encode
 * @property {number} [iterations] no more than so many
 */

/** @type {Map<number, AbortController>} */
const jobs = new Map();

addEventListener("message", ({data}) => {
  if (data.cancel !== undefined) jobs.get(data.cancel)?.abort();
  else work(data);
});

/** @param {Job} job */
async function work(job) {
  const {id} = job;
  const control = new AbortController();
  jobs.set(id, control);
  const start = performance.now();
  const show = (/** @type {Omit<PictureMessage, "seconds">} */ picture) => {
    const seconds = (performance.now() - start) / 1000;
    postMessage({id, picture: {...picture, seconds}}, {transfer: [picture.pixels.buffer]});
  };
  try {
    const end = await (job.photo ? encodePhoto(job, show, control.signal) : decodeFile(job, show, control.signal));
    postMessage({id, end});
  } catch (error) {
    const {name, message} = /** @type {Error} */ (error);
    if (name !== "AbortError") postMessage({id, error: message, name});
  } finally {
    jobs.delete(id);
  }
}

/**
 * @param {Job} job
 * @param {(picture: Omit<PictureMessage, "seconds">) => void} show
 * @param {AbortSignal} signal
 */
async function decodeFile({source, iterations}, show, signal) {
  return decode(
    read(/** @type {string | Blob} */ (source), signal),
    await loadModel(),
    ({header: {height, width, layers}, iteration, bytes, pixels}) => {
      show({height, width, layers, iteration, bytes, pixels: pixels.slice()});
    },
    {iterations, signal},
  );
}

/**
 * @param {Job} job
 * @param {(picture: Omit<PictureMessage, "seconds">) => void} show
 * @param {AbortSignal} signal
 */
async function encodePhoto({photo, iterations}, show, signal) {
  const pixels = await readPhoto(/** @type {Blob} */ (photo));
  signal.throwIfAborted();
  const [loaded, encoding] = await Promise.all([loadModel(), loadEncoder()]);
  const made = await encode(
    pixels,
    loaded,
    encoding,
    ({header: {height, width, layers}, iteration, pixels, file}) => {
      show({height, width, layers, iteration, bytes: file.length, pixels, file});
    },
    {iterations, signal},
  );
  return {iterations: made, damage: null};
}
