/** The codec for scripts of a page: all work is done in workers, which all files share. */

/**
 * An image of a file.
 *
 * @typedef {object} PictureMessage
 * @property {number} height pixels
 * @property {number} width pixels
 * @property {number} layers that the file has
 * @property {number} iteration from 1
 * @property {number} bytes of the file up to it
 * @property {number} seconds since it was asked for
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels RGBA
 * @property {Uint8Array<ArrayBuffer>} [file] of a photo that is encoded: up to this iteration
 */

/**
 * What a caller is told.
 *
 * @typedef {object} Handlers
 * @property {(picture: PictureMessage) => void} picture after each iteration, worst first
 * @property {(iterations: number, damage: string | null) => void} end `damage`: what is wrong with the
 *   rest of the file, in words
 * @property {(message: string) => void} error there is no (further) picture: why, in words
 */

/** @type {Worker | null} */
let worker = null;
let last = 0;
/** @type {Map<number, Handlers>} */
const handlers = new Map();

/**
 * Decodes a file while it arrives.
 *
 * @param {string | Blob} source an address, or the file
 * @param {Handlers} tell
 * @param {number} [iterations] no more than so many
 * @returns {() => void} stops it
 */
export function decode(source, tell, iterations) {
  const address = source instanceof Blob ? source : new URL(source, document.baseURI).href;
  return ask({source: address, iterations}, tell);
}

/**
 * Encodes a photo.
 *
 * @param {Blob} photo a file of any kind that the browser shows
 * @param {Handlers} tell
 * @param {number} [iterations] no more than so many
 * @returns {() => void} stops it
 */
export function encode(photo, tell, iterations) {
  return ask({photo, iterations}, tell);
}

/**
 * @param {object} job
 * @param {Handlers} tell
 * @returns {() => void} stops it
 */
function ask(job, tell) {
  const id = ++last;
  handlers.set(id, tell);
  start().postMessage({id, ...job});
  return () => {
    if (handlers.delete(id)) worker?.postMessage({cancel: id});
  };
}

function start() {
  if (worker === null) {
    worker = new Worker(new URL("./codec_worker.js", import.meta.url), {type: "module"});
    worker.onmessage = ({data}) => {
      const tell = handlers.get(data.id);
      if (tell === undefined) return;
      if (data.picture) {
        tell.picture(data.picture);
        return;
      }
      handlers.delete(data.id);
      if (data.end) tell.end(data.end.iterations, data.end.damage);
      else tell.error(data.error);
    };
    worker.onerror = (event) => {
      worker = null;
      const waiting = [...handlers.values()];
      handlers.clear();
      for (const tell of waiting) tell.error(`the codec cannot be loaded: ${event.message ?? ""}`);
    };
  }
  return worker;
}

/**
 * Draws an image on a canvas of its size.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{height: number, width: number, pixels: Uint8ClampedArray<ArrayBuffer>}} picture
 */
export function draw(canvas, {height, width, pixels}) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
}
