/** Loads what the exporter wrote, once, when it is first needed: the folder `model`. */

import {readCoder} from "./entropy.js";
import {Pool, workersHere} from "./pool.js";
import {readAll} from "./source.js";

/** @typedef {import("./decoder.js").Model} Model */
/** @typedef {import("./encoder.js").Encoder} Encoder */
/** @typedef {import("./entropy.js").LearnedCoder} LearnedCoder */

const folder = new URL("./model/", import.meta.url);

/** What decodes files. */
export const loadModel = once(async (/** @type {() => void} */ failed) => {
  /** @type {Model} */
  const network = await loadNetwork("decoder", failed);
  network.coder = once(() => loadCoder(network.description.tables_id));
  return network;
});

/** What encodes photos, too. @type {() => Promise<Encoder>} */
export const loadEncoder = once((failed) => loadNetwork("encoder", failed));

/**
 * @template T
 * @param {(failed: () => void) => Promise<T>} load may call `failed` also later
 * @returns {() => Promise<T>} gives the same each time; after a failure it tries again
 */
function once(load) {
  /** @type {Promise<T> | null} */
  let loaded = null;
  return () => {
    if (loaded === null) {
      const failed = () => {
        loaded = null;
      };
      loaded = load(failed);
      loaded.catch(failed);
    }
    return loaded;
  };
}

/**
 * A network in workers of its own, which load while the description is already there.
 *
 * @param {string} name
 * @param {() => void} failed
 * @returns {Promise<any>}
 */
async function loadNetwork(name, failed) {
  const network = readAll(new URL(`${name}.tflite`, folder).href);
  network.catch(() => undefined);
  const text = await readAll(new URL(`${name}.json`, folder).href);
  const description = JSON.parse(new TextDecoder().decode(text));
  const workers = workersHere();
  const script = new URL("./network_worker.js", import.meta.url);
  const pool = new Pool(script, workers, network.then((bytes) => new Uint8Array(bytes)), description);
  pool.ready.catch(failed);
  return {description, workers, run: pool.run};
}

/**
 * @param {number} tablesId
 * @returns {Promise<LearnedCoder>}
 */
async function loadCoder(tablesId) {
  const [config, weights] = await Promise.all(
    ["config.json", "weights.npz"].map((name) => readAll(new URL(`entropy_coder/${name}`, folder).href)),
  );
  return readCoder(new TextDecoder().decode(config), weights, tablesId);
}
