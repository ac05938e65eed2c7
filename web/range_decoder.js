/**
 * Decodes bits by their probabilities: the port of `compression/entropy/range_decoder.py`, where the
 * format is told.
 *
 * All numbers are whole and below 2^48, so that they are exact.
 */

const UNIT = 2 ** 16;

export class RangeDecoder {
  #payload;
  #at = 0;
  #size = 2 ** 32;
  #code;

  /** @param {Uint8Array} payload what was encoded; bytes after its end count as zeros */
  constructor(payload) {
    this.#payload = payload;
    this.#code = this.#unit() * UNIT;
    this.#code += this.#unit();
  }

  /**
   * The next bit, 0 or 1.
   *
   * @param {number} zero P(bit = 0) in units of 2^-16, from 1 to 2^16 - 1
   */
  bit(zero) {
    const split = Math.floor((this.#size * zero) / UNIT);
    const bit = this.#code < split ? 0 : 1;
    if (bit) {
      this.#size -= split;
      this.#code -= split;
    } else {
      this.#size = split;
    }
    if (this.#size <= UNIT) {
      this.#size *= UNIT;
      this.#code = this.#code * UNIT + this.#unit();
    }
    return bit;
  }

  #unit() {
    const high = this.#payload[this.#at++] ?? 0;
    return high * 256 + (this.#payload[this.#at++] ?? 0);
  }
}
