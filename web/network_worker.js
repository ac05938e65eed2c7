/* A classic worker: LiteRT.js loads its WebAssembly by importScripts, which modules do not have. */

/** @type {Promise<any> | null} */
let network = null;

addEventListener("message", async ({data}) => {
  try {
    if (data.load) {
      network = import("./network.js").then(async ({loadRuntime, Network}) => {
        await loadRuntime();
        return new Network(data.load.model, data.load.description);
      });
      await network;
      postMessage({ready: true});
      return;
    }
    const result = await (await network).run(data.task);
    const arrays = [result.output, ...result.states];
    postMessage({result}, {transfer: arrays.map(({buffer}) => buffer)});
  } catch (error) {
    postMessage({error: error instanceof Error ? error.message : String(error)});
  }
});
