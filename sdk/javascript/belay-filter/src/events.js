// What events carry, as filters see it.

import { fromU64 } from "./numbers.js";
import { decode } from "./text.js";

export class Handshake {
  constructor(raw) {
    Object.assign(this, raw);
  }

  header(name) {
    const lower = name.toLowerCase();
    return this.headers.find((header) => header.name === lower)?.value;
  }

  param(name) {
    const start = `${name}=`;
    return this.query
      .split("&")
      .find((pair) => pair.startsWith(start))
      ?.slice(start.length);
  }
}

export class Message {
  #text;

  constructor(direction, kind, size, payload) {
    this.direction = direction;
    this.kind = kind;
    this.size = size;
    this.payload = payload;
  }

  get text() {
    if (this.kind === "binary") return undefined;
    this.#text ??= decode(this.payload);
    return this.#text;
  }

  get json() {
    const text = this.text;
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
}

class Response {
  constructor({ status, headers, body }) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  header(name) {
    const lower = name.toLowerCase();
    return this.headers.find((header) => header.name === lower)?.value;
  }

  get text() {
    return decode(this.body);
  }
}

/** A result of the world: { response } or { error }. */
export const answer = ({ tag, val }) => (tag === "ok" ? { response: new Response(val) } : { error: val });

/** The variant of what became of the upstream: { kind, micros }. */
export const upstreamEvent = ({ tag, val }) => (val == null ? { kind: tag } : { kind: tag, micros: fromU64(val) });
