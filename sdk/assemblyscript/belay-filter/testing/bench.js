// Runs a filter's core module under Node in a fake host, as the proxy would. Types and docs: bench.d.ts.

import { readFileSync } from "node:fs";
import { advance, Client, newSession, setFile } from "./host/client.js";
import { clear, stage } from "./host/stage.js";
import { imports } from "./imports.js";
import { Memory } from "./memory.js";

const FILTER = "belay:filter/filter@0.1.0#";
const STATE = "belay:filter/state@0.1.0#";
const UPSTREAM = ["connected", "failed", "lost", "latency"];
const DIRECTIONS = ["to-backend", "to-client"];

/** One running instance. */
class Instance {
  constructor(module, config) {
    let memory;
    const instance = new WebAssembly.Instance(module, imports(() => memory));
    memory = this.memory = new Memory(instance.exports);
    stage.configuring = true;
    try {
      this.subscription = this.call(`${FILTER}configure`, memory.text(JSON.stringify(config)), (m, at) => {
        if (m.u8(at)) throw new Error(m.textAt(at + 4));
        const interest = (at) => ({ tag: ["ignore", "size", "prefix", "whole"][m.u8(at)], val: m.u32(at + 4) });
        const events = m.u8(at + 20);
        const hears = Object.fromEntries(["handshake", "upstream", "heartbeat", "close"].map((name, bit) => [name, Boolean((events >> bit) & 1)]));
        return { toBackend: interest(at + 4), toClient: interest(at + 12), events: hears };
      });
    } finally {
      stage.configuring = false;
    }
  }

  /** Calls, reads the answer, and has it freed. */
  call(name, given, read) {
    const answer = this.memory.exports[name](...given);
    if (read === undefined) return undefined;
    try {
      return read(this.memory, answer >>> 0);
    } finally {
      this.memory.exports[`cabi_post_${name}`](answer);
    }
  }

  /** Where parameters stand that are too many to be flat: the session, its handshake, and what follows. */
  args({ id, handshake }, ...more) {
    const at = this.memory.alloc(96);
    this.memory.words(at, id);
    this.memory.handshake(at + 4, handshake);
    this.memory.words(at + 72, ...more);
    return at;
  }
}

export class Bench {
  #module;
  #instance;
  #clients = new Map();

  constructor(file, config = null) {
    clear();
    this.#module = new WebAssembly.Module(readFileSync(file));
    this.#instance = new Instance(this.#module, config);
  }

  get subscription() {
    return this.#instance.subscription;
  }

  #in(client, act) {
    stage.session = client.facts;
    try {
      return act(this.#instance);
    } finally {
      stage.session = undefined;
    }
  }

  connect(target = "/", options = {}) {
    const client = newSession(this.#clients.size, target, options);
    this.#clients.set(client.id, client);
    const asked = () => this.#in(client, (instance) => instance.call(`${FILTER}on-handshake`, [instance.args(client)], admission));
    return new Client(client, this.subscription.events.handshake ? asked() : { accept: true }, this.#events(client));
  }

  #events(client) {
    const call = (name, given, read) => this.#in(client, (instance) => instance.call(FILTER + name, [client.id, ...given(instance.memory)], read));
    const message = (direction, payload) => (memory) => {
      const all = Buffer.from(payload);
      const { tag, val } = this.subscription[direction === "to-backend" ? "toBackend" : "toClient"];
      const seen = { ignore: 0, size: 0, prefix: val, whole: all.length }[tag];
      return [DIRECTIONS.indexOf(direction), typeof payload === "string" ? 0 : 1, all.length, ...memory.list(all.subarray(0, seen))];
    };
    let asked = () => [];
    return {
      message(direction, payload) {
        asked = message(direction, payload);
        return call("on-message", asked, verdict);
      },
      answerHandshake: (outcome) =>
        this.#in(client, (instance) => {
          const [failed, status, ...rest] = instance.memory.answer(outcome);
          const at = instance.args(client, 0, 0, ...rest);
          instance.memory.view.setUint8(at + 72, failed);
          instance.memory.view.setUint16(at + 76, status, true);
          return instance.call(`${FILTER}on-handshake-answer`, [at], admission);
        }),
      answerMessage: (outcome) => call("on-message-answer", (memory) => [...asked(memory), ...memory.answer(outcome)], verdict),
      answer: (outcome) => call("on-answer", (memory) => memory.answer(outcome), reaction),
      upstream: (kind, micros = 0) => call("on-upstream", () => [UPSTREAM.indexOf(kind), BigInt(micros)], reaction),
      heartbeat: (direction) => call("on-heartbeat", () => [DIRECTIONS.indexOf(direction)], reaction),
      close: (code, reason) => {
        if (this.subscription.events.close) call("on-close", (memory) => [code, ...memory.text(reason)]);
        this.#clients.delete(client.id);
      },
    };
  }

  advance(ms) {
    const onTimer = (client, timer) => this.#in(client, (instance) => instance.call(`${FILTER}on-timer`, [client.id, timer], reaction));
    return advance(this.#clients.values(), ms, onTimer);
  }

  reload(config = null) {
    const old = this.#instance;
    this.#instance = new Instance(this.#module, config);
    const complaints = [];
    for (const client of this.#clients.values()) {
      const kept = old.call(`${STATE}snapshot`, [client.id], (m, at) => (m.u8(at) ? m.bytesAt(at + 4) : null));
      const complaint = this.#in(client, (instance) => {
        if (kept === null) return undefined;
        const at = instance.args(client, ...instance.memory.list(kept));
        return instance.call(`${STATE}restore`, [at], (m, at) => (m.u8(at) ? m.textAt(at + 4) : null));
      });
      if (complaint === null) continue;
      if (complaint !== undefined) complaints.push(complaint);
      if (this.subscription.events.handshake) this.#in(client, (instance) => instance.call(`${FILTER}on-reopen`, [instance.args(client)]));
    }
    return complaints;
  }

  get log() {
    return stage.log;
  }

  get memoryBytes() {
    return this.#instance.memory.exports.memory.buffer.byteLength;
  }

  counter(name) {
    return stage.counters.get(name);
  }

  setFile(name, content) {
    setFile(name, content);
  }
}

const readable = (bytes) => {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bytes;
  }
};
const sent = (m, at) => (m.u8(at) === 0 ? m.textAt(at + 4) : m.bytesAt(at + 4));
const closed = (m, at) => ({ close: { code: m.u16(at + 4), reason: m.textAt(at + 8) } });
const calledOut = (m, at) => ({
  callOut: {
    method: m.textAt(at + 4),
    url: m.textAt(at + 12),
    headers: m.headersAt(at + 20),
    body: readable(m.bytesAt(at + 28)),
    timeoutMs: m.u32(at + 36),
  },
});

/** A reader of a variant: what each case is called, or how it is read. */
const variant = (...cases) => (m, at) => {
  const each = cases[m.u8(at)];
  return typeof each === "string" ? { [each]: true } : each(m, at);
};
const admission = variant(
  "accept",
  (m, at) => ({ refuse: { status: m.u16(at + 4), headers: m.headersAt(at + 8), body: m.textAt(at + 16) } }),
  calledOut,
);
const verdict = variant(
  "continue",
  "remember",
  (m, at) => ({ replace: readable(m.bytesAt(at + 4)) }),
  (m, at) => ({ reply: sent(m, at + 4) }),
  "drop",
  (m, at) => ({ heartbeat: m.u8(at + 4) ? sent(m, at + 8) : true }),
  closed,
  calledOut,
);
const reaction = variant("none", (m, at) => ({ send: sent(m, at + 4) }), closed, calledOut);
