/**
 * In which order the places of a layer are coded, and what each sees of those before it: the port of
 * `compression/entropy/bits/orders.py` and of two masks of `compression/common/masks.py`.
 */

/** (row, column) modulo 2 of the places of each pass of the interlaced order. */
const PASSES = [[0, 0], [1, 1], [0, 1], [1, 0]];

/**
 * Places that are coded together, none of which sees another.
 *
 * @typedef {object} Step
 * @property {number} kind which taps they see through
 * @property {Int32Array} rows
 * @property {Int32Array} columns
 */

/**
 * A place that is seen, relative to the one that sees it.
 *
 * @typedef {object} Tap
 * @property {number} row
 * @property {number} column
 */

/**
 * @param {number} height
 * @param {number} width
 * @returns {Generator<Step>} the passes that have a place
 */
export function* interlacedSteps(height, width) {
  for (const [kind, [top, left]] of PASSES.entries()) {
    const places = [];
    for (let row = top; row < height; row += 2) {
      for (let column = left; column < width; column += 2) places.push([row, column]);
    }
    if (places.length) yield step(kind, places);
  }
}

/**
 * Raster order, in which a row is coded while the one above is `lead` columns ahead.
 *
 * @param {number} height
 * @param {number} width
 * @param {number} lead how far to the right a place sees in the row above, plus one
 * @returns {Generator<Step>}
 */
export function* wavefrontSteps(height, width, lead) {
  for (let time = 0; time < width + lead * (height - 1); time++) {
    const places = [];
    const last = Math.min(height - 1, Math.floor(time / lead));
    for (let row = Math.max(0, Math.ceil((time - width + 1) / lead)); row <= last; row++) {
      places.push([row, time - lead * row]);
    }
    if (places.length) yield step(0, places);
  }
}

/**
 * @param {number} kind
 * @param {number[][]} places
 * @returns {Step}
 */
function step(kind, places) {
  const [rows, columns] = [0, 1].map((axis) => Int32Array.from(places, (place) => place[axis]));
  return {kind, rows, columns};
}

/**
 * What a place sees in raster order: the rows above, and what lies to the left.
 *
 * @param {number} size side of the kernel, odd
 * @returns {Tap[][]} for the one kind of step
 */
export function rasterTaps(size) {
  return [around(size).filter(({row, column}) => row < 0 || (row === 0 && column < 0))];
}

/**
 * What a place sees in the interlaced order: places of earlier passes, on all sides.
 *
 * @param {number} size
 * @returns {Tap[][]} for each pass
 */
export function interlacedTaps(size) {
  const passOf = new Map(PASSES.map(([row, column], pass) => [2 * row + column, pass]));
  return PASSES.map(([top, left], pass) =>
    around(size).filter(({row, column}) => {
      const seen = passOf.get(2 * ((top + row) & 1) + ((left + column) & 1));
      return /** @type {number} */ (seen) < pass;
    }),
  );
}

/**
 * @param {number} size
 * @returns {Tap[]} of a whole kernel, row by row
 */
function around(size) {
  const reach = (size - 1) / 2;
  return Array.from({length: size * size}, (_, index) => ({
    row: Math.floor(index / size) - reach,
    column: (index % size) - reach,
  }));
}
