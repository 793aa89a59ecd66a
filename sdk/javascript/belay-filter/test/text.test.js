import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../src/text.js";

// The engine's built-in functions that Node has not got under these names.
Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, "base64"));
Uint8Array.prototype.toBase64 ??= function toBase64() {
  return Buffer.from(this).toString("base64");
};
const { decodeByBase64, encodeByBase64 } = await import("../src/text.js");

const TEXTS = ["", "plain", "ça DaRnés…", "🦀 in 漢字", "\u0000\u007f\u0080\uffff", "\ufeffmark"];

test("the way through base64 says what TextEncoder and TextDecoder say", () => {
  for (const text of TEXTS) {
    deepEqual(encodeByBase64(text), encode(text), text);
    equal(decodeByBase64(encode(text)), text);
    equal(decode(encode(text)), text);
  }
  deepEqual(encodeByBase64("half \ud83e"), encode("half \ud83e"));
});

test("what is not UTF-8 is no text", () => {
  for (const broken of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x80]]) {
    equal(decode(Uint8Array.from(broken)), undefined, String(broken));
    equal(decodeByBase64(Uint8Array.from(broken)), undefined, String(broken));
  }
});
