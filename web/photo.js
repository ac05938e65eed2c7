/** A photo as the encoder takes it: upright, opaque on white, sRGB, all of which the browser does. */

import {SourceError} from "./errors.js";

/**
 * @typedef {object} Photo
 * @property {number} height pixels
 * @property {number} width
 * @property {Uint8ClampedArray} pixels RGBA
 */

/**
 * @param {Blob} file of any kind that the browser shows; of several frames the first is taken
 * @returns {Promise<Photo>}
 * @throws {SourceError} if it is none, or too large
 */
export async function readPhoto(file) {
  if (!file.size) throw new SourceError("is empty");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {imageOrientation: "from-image"});
  } catch {
    throw new SourceError("is no picture that this browser reads, or is damaged");
  }
  const {height, width} = bitmap;
  try {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", {colorSpace: "srgb", willReadFrequently: true});
    if (context === null) throw new RangeError("no canvas");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return {height, width, pixels: context.getImageData(0, 0, width, height).data};
  } catch {
    throw new SourceError(`has ${width} x ${height} pixels, too many for this browser`);
  } finally {
    bitmap.close();
  }
}
