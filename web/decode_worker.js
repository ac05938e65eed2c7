/**
 * Decodes files away from the page, which stays free for its user.
 *
 * It is told {id, source, iterations} or {cancel: id}, and tells, each with the id: {picture}, as often
 * as there is one, and {end} or {error} at last.
 */

import {decode} from "./decoder.js";
import {readCoder} from "./entropy.js";
import {Pool, workersHere} from "./pool.js";
import {read, readAll} from "./source.js";

/** @typedef {import("./decoder.js").Model} Model */

const folder = new URL("./model/", import.meta.url);
/** @type {Map<number, AbortController>} */
const jobs = new Map();
/** @type {Promise<Model> | null} */
let model = null;

addEventListener("message", ({data}) => {
  if (data.cancel !== undefined) jobs.get(data.cancel)?.abort();
  else work(data);
});

/** @param {{id: number, source: string | Blob, iterations?: number}} job */
async function work({id, source, iterations}) {
  const control = new AbortController();
  const {signal} = control;
  jobs.set(id, control);
  const start = performance.now();
  try {
    model ??= load();
    const loaded = await model;
    const end = await decode(
      read(source, signal),
      loaded,
      ({header: {height, width, layers}, iteration, bytes, pixels}) => {
        const copy = pixels.slice();
        const seconds = (performance.now() - start) / 1000;
        const picture = {height, width, layers, iteration, bytes, seconds, pixels: copy};
        postMessage({id, picture}, {transfer: [copy.buffer]});
      },
      {iterations, signal},
    );
    postMessage({id, end});
  } catch (error) {
    const {name, message} = /** @type {Error} */ (error);
    if (name !== "AbortError") postMessage({id, error: message, name});
  } finally {
    jobs.delete(id);
  }
}

/** @returns {Promise<Model>} */
async function load() {
  const networks = readAll(new URL("decoder.tflite", folder).href);
  networks.catch(() => undefined);
  try {
    const text = await readAll(new URL("decoder.json", folder).href);
    const description = JSON.parse(new TextDecoder().decode(text));
    const workers = workersHere();
    const script = new URL("./network_worker.js", import.meta.url);
    const pool = new Pool(script, workers, networks.then((bytes) => new Uint8Array(bytes)), description);
    pool.ready.catch(() => {
      model = null; // the next file tries again
    });
    /** @type {Promise<import("./entropy.js").LearnedCoder> | null} */
    let coder = null;
    return {description, workers, run: pool.run, coder: () => (coder ??= loadCoder(description.tables_id))};
  } catch (error) {
    model = null;
    throw error;
  }
}

/** @param {number} tablesId */
async function loadCoder(tablesId) {
  const [config, weights] = await Promise.all(
    ["config.json", "weights.npz"].map((name) => readAll(new URL(`entropy_coder/${name}`, folder).href)),
  );
  return readCoder(new TextDecoder().decode(config), weights, tablesId);
}
