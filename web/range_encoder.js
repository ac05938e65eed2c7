/**
 * Encodes bits by their probabilities, as the range coder of tensorflow-compression does: what
 * `range_decoder.js` decodes, and `compression/entropy/range_decoder.py` tells of.
 *
 * All numbers are whole and below 2^48, so that they are exact.
 */

const UNIT = 2 ** 16;
const BYTE = 2 ** 24; // what the first of the four bytes of `base` counts
const WHOLE = 2 ** 32;

export class RangeEncoder {
  /** What was written, 16 bits each. @type {number[]} */
  #units = [];
  #base = 0;
  #size = WHOLE;

  /**
   * @param {number} bit 0 or 1
   * @param {number} zero P(bit = 0) in units of 2^-16, from 1 to 2^16 - 1
   * @returns {number} the bit
   */
  add(bit, zero) {
    const split = Math.floor((this.#size * zero) / UNIT);
    if (bit) {
      this.#base += split;
      this.#size -= split;
      if (this.#base >= WHOLE) {
        this.#base -= WHOLE;
        this.#carry();
      }
    } else {
      this.#size = split;
    }
    if (this.#size <= UNIT) {
      this.#units.push(Math.floor(this.#base / UNIT));
      this.#base = (this.#base % UNIT) * UNIT;
      this.#size *= UNIT;
    }
    return bit;
  }

  /** @returns {Uint8Array} the payload: the shortest number in what is left of the interval */
  finish() {
    const units = this.#units;
    const end = this.#base + this.#size;
    const byteUp = Math.ceil(this.#base / BYTE) * BYTE;
    let isByte = false; // whether the last unit is its upper byte alone: what follows is zero
    if (end > WHOLE) {
      this.#carry();
      while (units.at(-1) === 0) units.pop(); // not below what the carry came to
      isByte = (/** @type {number} */ (units.at(-1)) & 255) === 0;
    } else if (this.#base) {
      isByte = byteUp < end;
      units.push((isByte ? byteUp : Math.ceil(this.#base / UNIT) * UNIT) / UNIT);
    }
    const bytes = Uint8Array.from(units.flatMap((unit) => [unit >> 8, unit & 255]));
    return isByte ? bytes.slice(0, -1) : bytes;
  }

  /** Adds 1 to what was written: it never passes the first unit. */
  #carry() {
    let index = this.#units.length - 1;
    while (this.#units[index] === UNIT - 1) this.#units[index--] = 0;
    this.#units[index]++;
  }
}
