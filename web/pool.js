/** Workers that run a network, as many as there are processors. */

import {ModelError} from "./errors.js";

/** @typedef {import("./region.js").NetworkDescription} NetworkDescription */
/** @typedef {import("./region.js").Task} Task */
/** @typedef {import("./region.js").Result} Result */

/** More would hardly be faster, and each has its own copy of the network and some 100 MB. */
const MAX_WORKERS = 4;

/** @returns {number} how many workers a pool should have here */
export function workersHere() {
  return Math.min(MAX_WORKERS, navigator.hardwareConcurrency || 1);
}

export class Pool {
  /** @type {Worker[]} */
  #idle = [];
  /** @type {((worker: Worker) => void)[]} */
  #waiting = [];

  /**
   * @param {URL} script network_worker.js
   * @param {number} count
   * @param {Promise<Uint8Array<ArrayBuffer>>} model its file
   * @param {NetworkDescription} description
   */
  constructor(script, count, model, description) {
    /** Fulfilled when all are ready. */
    this.ready = model.then((bytes) => Promise.all(
      Array.from({length: count}, async () => {
        const worker = new Worker(script);
        await ask(worker, {load: {model: bytes, description}}, []);
        this.#release(worker);
      }),
    ));
    this.ready.catch(() => undefined); // told to whoever runs a task
  }

  /**
   * Runs a task once a worker is free.
   *
   * @param {() => Task} makeTask
   * @returns {Promise<Result>}
   */
  run = async (makeTask) => {
    const worker = await this.#take();
    try {
      const task = makeTask();
      const transfer = [task.input.buffer, ...task.states.map((state) => state.buffer)];
      return (await ask(worker, {task}, transfer)).result;
    } finally {
      this.#release(worker);
    }
  };

  /** @returns {Promise<Worker>} */
  #take() {
    const worker = this.#idle.pop();
    if (worker) return Promise.resolve(worker);
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.ready.catch(reject);
    });
  }

  /** @param {Worker} worker */
  #release(worker) {
    const next = this.#waiting.shift();
    if (next) next(worker);
    else this.#idle.push(worker);
  }
}

/**
 * @param {Worker} worker
 * @param {object} message
 * @param {Transferable[]} transfer
 * @returns {Promise<any>} its answer
 */
function ask(worker, message, transfer) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => {
      if (data.error === undefined) resolve(data);
      else reject(new ModelError(`the networks cannot be run: ${data.error}`));
    };
    worker.onerror = (event) => {
      reject(new ModelError(`the networks cannot be loaded: ${event.message ?? "no such script"}`));
    };
    worker.postMessage(message, transfer);
  });
}
