// Runs a filter under Node in a fake host, as the proxy would. Types and docs: testing.d.ts.

import { component } from "../component.js";
import { bytes, decode } from "../text.js";
import { advance, Client, newSession, setFile } from "./client.js";
import { clear, stage } from "./stage.js";

export class Bench {
  #Class;
  #exports;
  #clients = new Map();

  constructor(Class, config = null) {
    clear();
    this.#Class = Class;
    this.#start(config);
  }

  #start(config) {
    const exports = component(this.#Class);
    stage.configuring = true;
    try {
      this.subscription = exports.filter.configure(JSON.stringify(config));
    } catch (error) {
      throw typeof error === "string" ? new Error(error) : error;
    } finally {
      stage.configuring = false;
    }
    this.#exports = exports;
  }

  #call(client, name, ...given) {
    stage.session = client.facts;
    try {
      return answered(this.#exports.filter[name](client.id, ...given));
    } finally {
      stage.session = undefined;
    }
  }

  connect(target = "/", options = {}) {
    const client = newSession(this.#clients.size, target, options);
    this.#clients.set(client.id, client);
    const admitted = this.subscription.events.handshake ? this.#call(client, "onHandshake", client.handshake) : { accept: true };
    return new Client(client, admitted, this.#events(client));
  }

  #events(client) {
    const seen = (direction, payload) => {
      const all = bytes(payload);
      const interest = this.subscription[direction === "to-backend" ? "toBackend" : "toClient"];
      const limit = { ignore: 0, size: 0, prefix: interest.val, whole: all.length }[interest.tag];
      return [direction, typeof payload === "string" ? "text" : "binary", all.length, all.slice(0, limit)];
    };
    const result = (outcome) =>
      "error" in outcome ? { tag: "err", val: outcome.error } : { tag: "ok", val: { status: 200, headers: [], ...outcome, body: bytes(outcome.body ?? "") } };
    let asked = [];
    return {
      message: (direction, payload) => {
        asked = seen(direction, payload);
        return this.#call(client, "onMessage", ...asked);
      },
      answerHandshake: (outcome) => this.#call(client, "onHandshakeAnswer", client.handshake, result(outcome)),
      answerMessage: (outcome) => this.#call(client, "onMessageAnswer", ...asked, result(outcome)),
      answer: (outcome) => this.#call(client, "onAnswer", result(outcome)),
      upstream: (kind, micros) => this.#call(client, "onUpstream", micros === undefined ? { tag: kind } : { tag: kind, val: micros }),
      heartbeat: (direction) => this.#call(client, "onHeartbeat", direction),
      close: (code, reason) => {
        if (this.subscription.events.close) this.#call(client, "onClose", { code, reason });
        this.#clients.delete(client.id);
      },
    };
  }

  advance(ms) {
    return advance(this.#clients.values(), ms, (client, timer) => this.#call(client, "onTimer", timer));
  }

  reload(config = null) {
    const old = this.#exports;
    this.#start(config);
    const complaints = [];
    for (const client of this.#clients.values()) {
      const kept = old.state.snapshot(client.id);
      stage.session = client.facts;
      try {
        if (kept !== null) this.#exports.state.restore(client.id, client.handshake, kept);
        else this.#reopen(client);
      } catch (error) {
        complaints.push(String(error));
        this.#reopen(client);
      } finally {
        stage.session = undefined;
      }
    }
    return complaints;
  }

  #reopen(client) {
    if (this.subscription.events.handshake) this.#exports.filter.onReopen(client.id, client.handshake);
  }

  get log() {
    return stage.log;
  }

  counter(name) {
    return stage.counters.get(name);
  }

  setFile(name, content) {
    setFile(name, content);
  }
}

/** An answer as a test likes to compare it: { continue: true }, { replace: "…" }, { close: { code, reason } }. */
function answered(answer) {
  if (answer === undefined) return undefined;
  const { tag, val } = answer;
  const name = tag.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  return { [name]: val === undefined ? true : readable(val) };
}

function readable(value) {
  if (value === null) return true;
  if (value instanceof Uint8Array) return decode(value) ?? value;
  if (value.payload) return value.kind === "text" ? decode(value.payload) : value.payload;
  if (value.body instanceof Uint8Array) return { ...value, body: readable(value.body) };
  return value;
}
