/**
 * Products of integer matrices in WebAssembly, exact: what `compression/entropy/fixed_point.py` has
 * in float64, in 16 bits and sums of 64.
 *
 * Of two vectors of 8 factors, one instruction adds pairs of products in 32 bits. No factor is below
 * -(2^15 - 1) or above 2^15 - 1, so that the largest pair, 2 (2^15 - 1)^2, is below 2^31. The module is
 * 250 bytes, written below instruction by instruction: no compiler is needed to build this page.
 */

const LANES = 8; // factors of 16 bits in 128 bits
const COLUMNS = 4; // that are summed at a time, to load a row once for them
const PAGE = 2 ** 16;
const ROW_BYTES = 2 ** 20; // of rows and sums that are handled at a time

/** Weights, transposed: of each column all its factors, with zeros up to whole vectors. */
export class Matrix {
  /**
   * @param {number} depth factors of a row
   * @param {number} columns sums that come of one
   */
  constructor(depth, columns) {
    this.depth = depth;
    this.columns = columns;
    this.stride = Math.ceil(depth / LANES) * LANES;
    this.paddedColumns = Math.ceil(columns / COLUMNS) * COLUMNS;
    /** Where its weights are, in bytes of the memory. */
    this.address = 0;
  }
}

/** The memory of the weights, of some rows, and of their sums. */
export class Kernels {
  #memory = new WebAssembly.Memory({initial: 1});
  #multiply;
  #used = 0;

  constructor() {
    const module = new WebAssembly.Module(moduleBytes());
    const {exports} = new WebAssembly.Instance(module, {m: {m: this.#memory}});
    this.#multiply = /** @type {(...numbers: number[]) => void} */ (exports.f);
  }

  /**
   * Keeps a matrix.
   *
   * @param {number} depth
   * @param {number} columns
   * @param {(row: number, column: number) => number} weight
   * @returns {Matrix}
   */
  keep(depth, columns, weight) {
    const matrix = new Matrix(depth, columns);
    matrix.address = this.#used;
    this.#used += 2 * matrix.stride * matrix.paddedColumns;
    this.#grow(this.#used);
    const {stride} = matrix;
    const values = new Int16Array(this.#memory.buffer, matrix.address, stride * matrix.paddedColumns);
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < depth; row++) values[column * stride + row] = weight(row, column);
    }
    return matrix;
  }

  /**
   * Multiplies rows by a matrix, some at a time.
   *
   * @param {Matrix} matrix
   * @param {number} rows how many
   * @param {(row: number, values: Int16Array, at: number) => void} fill puts a row's factors into
   *   `values` from `at` on; what it leaves is what an earlier row had there
   * @param {(row: number, sums: Float64Array, at: number) => void} take gets its sums
   */
  multiply(matrix, rows, fill, take) {
    const {stride, paddedColumns} = matrix;
    const most = Math.max(1, Math.floor(ROW_BYTES / (2 * stride + 8 * paddedColumns)));
    const input = Math.ceil(this.#used / 16) * 16;
    const output = input + 2 * stride * Math.min(rows, most);
    this.#grow(output + 8 * paddedColumns * Math.min(rows, most));
    const values = new Int16Array(this.#memory.buffer, input, stride * Math.min(rows, most));
    const sums = new Float64Array(this.#memory.buffer, output, paddedColumns * Math.min(rows, most));
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      for (let row = 0; row < count; row++) fill(first + row, values, row * stride);
      this.#multiply(input, matrix.address, output, count, paddedColumns, 2 * stride);
      for (let row = 0; row < count; row++) take(first + row, sums, row * paddedColumns);
    }
  }

  /** @param {number} bytes that are needed */
  #grow(bytes) {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
  }
}

/**
 * The module: f(rows at, matrix at, sums at, number of rows, columns, bytes of a row).
 *
 *     for each row, for each 4 columns:
 *       for each 8 factors: sums[0..3] += pairs of products, widened to 64 bits
 *       store both halves of each sum, added, as float64
 */
function moduleBytes() {
  const I32 = 0x7f;
  const V128 = 0x7b;
  const [X, W, OUT, ROWS, COLS, DEPTH, C, K, XP, P0] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const [XV, D, S0] = [13, 14, 15];
  const get = (/** @type {number} */ n) => [0x20, n];
  const set = (/** @type {number} */ n) => [0x21, n];
  const tee = (/** @type {number} */ n) => [0x22, n];
  const constant = (/** @type {number} */ n) => [0x41, n];
  const ADD = [0x6a];
  const SUB = [0x6b];
  const simd = (/** @type {number} */ n) => [0xfd, ...leb(n)];
  const LOAD = [...simd(0x00), 0, 0];
  const loop = (/** @type {number[]} */ ...body) => [0x03, 0x40, ...body, 0x0b];
  const AGAIN_IF = [0x0d, 0];
  const four = (/** @type {(j: number) => number[]} */ f) => [0, 1, 2, 3].flatMap(f);
  const advance = (/** @type {number} */ n, /** @type {number[]} */ by) => [...get(n), ...by, ...ADD, ...set(n)];

  const factors = loop(
    ...get(XP), ...LOAD, ...set(XV),
    ...four((j) => [
      ...get(XV), ...get(P0 + j), ...LOAD, ...simd(0xba), ...set(D), // i32x4.dot_i16x8_s
      ...get(S0 + j), ...get(D), ...simd(0xc7), ...simd(0xce), // i64x2.extend_low, i64x2.add
      ...get(D), ...simd(0xc8), ...simd(0xce), ...set(S0 + j), // i64x2.extend_high
      ...advance(P0 + j, constant(16)),
    ]),
    ...advance(XP, constant(16)),
    ...get(K), ...constant(16), ...SUB, ...tee(K), ...AGAIN_IF,
  );
  const columns = loop(
    ...four((j) => [
      ...(j ? [...get(P0 + j - 1), ...get(DEPTH), ...ADD, ...set(P0 + j)] : []),
      ...simd(0x0c), ...new Array(16).fill(0), ...set(S0 + j), // v128.const 0
    ]),
    ...get(X), ...set(XP),
    ...get(DEPTH), ...set(K),
    ...factors,
    ...four((j) => [
      ...get(OUT),
      ...get(S0 + j), ...simd(0x1d), 0, ...get(S0 + j), ...simd(0x1d), 1, // i64x2.extract_lane
      0x7c, 0xb9, 0x39, 3, 8 * j, // i64.add, f64.convert_i64_s, f64.store
    ]),
    ...advance(OUT, constant(32)),
    ...get(P0 + 3), ...set(P0), // the last column's end is the next one's beginning
    ...get(C), ...constant(COLUMNS), ...SUB, ...tee(C), ...AGAIN_IF,
  );
  const rows = loop(
    ...get(COLS), ...set(C),
    ...get(W), ...set(P0),
    ...columns,
    ...advance(X, get(DEPTH)),
    ...get(ROWS), ...constant(1), ...SUB, ...tee(ROWS), ...AGAIN_IF,
  );
  const locals = [2, 7, I32, 6, V128];
  const body = [...locals, ...rows, 0x0b];
  const section = (/** @type {number} */ id, /** @type {number[]} */ content) => [id, ...leb(content.length), ...content];
  return new Uint8Array([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]), // a type: six numbers, no result
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 1]), // the memory "m" "m"
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // the function "f"
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** @param {number} value as unsigned LEB128 */
function leb(value) {
  const bytes = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 128) return [...bytes, left];
    bytes.push((left & 127) | 128);
  }
}
