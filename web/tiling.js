/**
 * Which part of an image is run at a time. Sizes count blocks of 16 x 16 pixels.
 *
 * Tiles are what the file says: the port of `compression/codecs/recurrent/tiling.py`. Each tile, or
 * the image that has none, is run in windows. They change nothing: a window sees `reach` blocks more
 * than it keeps, which is as far as one iteration looks, and the states of all windows are put
 * together before the next one. So processors work side by side, and memory does not grow.
 */

/**
 * @typedef {object} Rectangle
 * @property {number} top
 * @property {number} left
 * @property {number} bottom first row after it
 * @property {number} right
 */

/**
 * A part that is kept, and the larger one that is run for it.
 *
 * @typedef {object} Part
 * @property {Rectangle} inner
 * @property {Rectangle} outer
 */

/** Blocks of a window at most: it takes some 300 MB. */
export const MAX_WINDOW = 2048;

const MAX_SPLIT = 64; // windows along a side of a tile

/**
 * The tiles of an image, row by row; one that covers it where it is not cut.
 *
 * @param {number} high
 * @param {number} wide
 * @param {number} tile side, 0 if not cut
 * @param {number} halo
 * @returns {Part[]}
 */
export function tiles(high, wide, tile, halo) {
  const side = tile || Math.max(high, wide);
  const found = [];
  for (let top = 0; top < high; top += side) {
    for (let left = 0; left < wide; left += side) {
      const inner = {top, left, bottom: Math.min(top + side, high), right: Math.min(left + side, wide)};
      const outer = {
        top: Math.max(0, inner.top - halo),
        left: Math.max(0, inner.left - halo),
        bottom: Math.min(high, inner.bottom + halo),
        right: Math.min(wide, inner.right + halo),
      };
      found.push({inner, outer});
    }
  }
  return found;
}

/**
 * How large the windows are with which the largest tile is done soonest.
 *
 * @param {number} high of the largest tile
 * @param {number} wide
 * @param {number | null} reach null if it may not be cut
 * @param {number} workers that run at a time
 * @returns {{high: number, wide: number}}
 */
export function windowSize(high, wide, reach, workers) {
  let best = {high, wide};
  if (reach === null) return best;
  let least = Infinity;
  for (let rows = 1; rows <= Math.min(high, MAX_SPLIT); rows++) {
    for (let columns = 1; columns <= Math.min(wide, MAX_SPLIT); columns++) {
      const size = {high: outerSide(high, rows, reach), wide: outerSide(wide, columns, reach)};
      const area = size.high * size.wide;
      const cost = Math.ceil((rows * columns) / workers) * area;
      const isSmaller = area <= MAX_WINDOW || area < best.high * best.wide;
      if (isSmaller && (cost < least || best.high * best.wide > MAX_WINDOW)) {
        best = size;
        least = cost;
      }
    }
  }
  return best;
}

/**
 * @param {number} length
 * @param {number} count
 * @param {number} reach
 */
function outerSide(length, count, reach) {
  if (count === 1) return length;
  return Math.min(length, Math.ceil(length / count) + reach * (count > 2 ? 2 : 1));
}

/**
 * The windows of a tile, all of one size: they overlap by what they see, the last ones by more.
 *
 * @param {number} high of the tile
 * @param {number} wide
 * @param {{high: number, wide: number}} size of a window at most
 * @param {number | null} reach
 * @returns {Part[]}
 */
export function windows(high, wide, size, reach) {
  const rows = spans(high, Math.min(size.high, high), reach ?? 0);
  const columns = spans(wide, Math.min(size.wide, wide), reach ?? 0);
  return rows.flatMap((row) =>
    columns.map((column) => ({
      inner: {top: row.inner[0], bottom: row.inner[1], left: column.inner[0], right: column.inner[1]},
      outer: {top: row.outer[0], bottom: row.outer[1], left: column.outer[0], right: column.outer[1]},
    })),
  );
}

/**
 * @param {number} length
 * @param {number} size of each
 * @param {number} reach
 * @returns {{inner: number[], outer: number[]}[]} first and last but one
 */
function spans(length, size, reach) {
  const found = [];
  for (let done = 0; done < length; ) {
    const start = Math.min(Math.max(0, done - reach), length - size);
    const end = start + size;
    const kept = end === length ? length : end - reach;
    found.push({inner: [done, kept], outer: [start, end]});
    done = kept;
  }
  return found;
}
