/**
 * The units of the integer network: the port of `compression/entropy/fixed_point.py`. Whole numbers are
 * held in float64, so that division by a power of two and its floor are exact.
 */

export const ONE = 1024; // a bit as an activation is -ONE or ONE; not yet coded, 0
const ACTIVATION_MAX = 2 ** 15 - 1;
export const LOGIT_MAX = 128; // in units of 2^-4

/** @param {number} sum @returns {number} an activation */
export function relu(sum) {
  const value = Math.floor((sum + 2 ** 11) * 2 ** -12);
  return value < 0 ? 0 : value > ACTIVATION_MAX ? ACTIVATION_MAX : value;
}

/** @param {number} sum @returns {number} an index of `probabilities` */
export function logitIndex(sum) {
  const value = Math.floor((sum + 2 ** 17) * 2 ** -18);
  return LOGIT_MAX + (value < -LOGIT_MAX ? -LOGIT_MAX : value > LOGIT_MAX ? LOGIT_MAX : value);
}
