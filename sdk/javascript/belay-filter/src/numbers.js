// Between JavaScript's numbers and the world's. The engine hands a u64 over as a signed number, and traps on what it cannot
// take; so both directions are looked after here.

import { describe } from "./text.js";

/** A u64 that came from the host: beyond 2^53 the nearest number, and its largest value Infinity. */
export function fromU64(number) {
  if (number >= 0) return number;
  return number === -1 ? Infinity : number + 2 ** 64;
}

function whole(name, value, min, max) {
  if (typeof value !== "number") throw new TypeError(`${name}: a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name}: a whole number from ${min} to ${max}, not ${value}`);
  }
  return value;
}

export const u16 = (name, value) => whole(name, value, 0, 2 ** 16 - 1);
export const u32 = (name, value) => whole(name, value, 0, 2 ** 32 - 1);
/** As much of a u64 as a number holds exactly. */
export const u64 = (name, value) => whole(name, value, 0, Number.MAX_SAFE_INTEGER);
/** As much of an s64 as a number holds exactly. */
export const s64 = (name, value) => whole(name, value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

export function text(name, value) {
  if (typeof value !== "string") throw new TypeError(`${name}: a string, not ${describe(value)}`);
  return value;
}
