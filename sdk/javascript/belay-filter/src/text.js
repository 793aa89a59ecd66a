// Between texts and UTF-8. The engine inside a component has no TextDecoder, and runs a loop over bytes a hundred times slower
// than what it has built in; so texts take a way through base64, which is built in.

const NOT_ASCII = /[^\x00-\x7f]/;

/** The text that these bytes are, or undefined if they are not UTF-8. */
export const decode = globalThis.TextDecoder ? decodeByDecoder : decodeByBase64;

/** A text's bytes. What is half of a surrogate pair becomes U+FFFD. */
export const encode = globalThis.TextEncoder ? (text) => new TextEncoder().encode(text) : encodeByBase64;

function decodeByDecoder(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function decodeByBase64(bytes) {
  const binary = atob(bytes.toBase64());
  if (!NOT_ASCII.test(binary)) return binary;
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return undefined;
  }
}

export function encodeByBase64(text) {
  if (!NOT_ASCII.test(text)) return Uint8Array.fromBase64(btoa(text));
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text.toWellFormed()))));
}

/** The bytes of what a filter gives as a payload. */
export function bytes(payload, name = "payload") {
  if (typeof payload === "string") return encode(payload);
  if (payload instanceof Uint8Array) return payload;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  throw new TypeError(`${name}: a string, a Uint8Array or an ArrayBuffer, not ${describe(payload)}`);
}

/** What a value is, for a message about an error. */
export function describe(value) {
  return value === null ? "null" : typeof value === "object" ? (value.constructor?.name ?? "an object") : `${typeof value} ${String(value)}`;
}
