// The canonical ABI from the host's side, as much of it as this world needs: values into a module's memory, and out of it.

/** A module's memory, and its cabi_realloc. */
export class Memory {
  constructor(exports) {
    this.exports = exports;
  }

  get view() {
    return new DataView(this.exports.memory.buffer);
  }

  alloc(size, align = 4) {
    return this.exports.cabi_realloc(0, 0, align, size) >>> 0;
  }

  /** A copy in the module: [pointer, length]. */
  list(bytes) {
    const at = this.alloc(bytes.length, 1);
    new Uint8Array(this.exports.memory.buffer).set(bytes, at);
    return [at, bytes.length];
  }

  text(value) {
    return this.list(Buffer.from(value));
  }

  words(at, ...values) {
    values.forEach((value, index) => this.view.setUint32(at + index * 4, value, true));
  }

  headers(list) {
    const at = this.alloc(list.length * 16);
    list.forEach(({ name, value }, index) => this.words(at + index * 16, ...this.text(name), ...this.text(value)));
    return [at, list.length];
  }

  /** The record `handshake`, at this address. */
  handshake(at, { sessionId, route, peerAddress, peerPort, host, path, query, headers, subprotocols }) {
    const texts = subprotocols.map((text) => this.text(text));
    const list = this.alloc(texts.length * 8);
    texts.forEach((text, index) => this.words(list + index * 8, ...text));
    this.words(at, ...this.text(sessionId), ...this.text(route), ...this.text(peerAddress));
    this.view.setUint16(at + 24, peerPort, true);
    const rest = [host, path, query].flatMap((text) => this.text(text));
    this.words(at + 28, ...rest, ...this.headers(headers), list, texts.length);
  }

  /** The result `answer`, flattened. */
  answer(outcome) {
    if ("error" in outcome) return [1, ERRORS.indexOf(outcome.error), 0, 0, 0, 0];
    return [0, outcome.status ?? 200, ...this.headers(outcome.headers ?? []), ...this.list(Buffer.from(outcome.body ?? ""))];
  }

  u8(at) {
    return this.view.getUint8(at);
  }

  u16(at) {
    return this.view.getUint16(at, true);
  }

  u32(at) {
    return this.view.getUint32(at, true);
  }

  bytesAt(at) {
    return this.bytes(this.u32(at), this.u32(at + 4));
  }

  bytes(at, size) {
    return Uint8Array.from(new Uint8Array(this.exports.memory.buffer, at >>> 0, size));
  }

  string(at, size) {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes(at, size));
  }

  textAt(at) {
    return this.string(this.u32(at), this.u32(at + 4));
  }

  headersAt(at) {
    const [list, length] = [this.u32(at), this.u32(at + 4)];
    return Array.from({ length }, (_, index) => ({ name: this.textAt(list + index * 16), value: this.textAt(list + index * 16 + 8) }));
  }
}

const ERRORS = ["forbidden", "busy", "timeout", "unreachable", "too-large"];
