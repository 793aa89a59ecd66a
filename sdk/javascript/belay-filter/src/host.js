// The host's services, checked before they are called: what the engine cannot hand over would trap without a word.

import { breaker, current as session, host as proxy, limiter, store as table } from "#world";
import { fromU64, s64, text, u32, u64 } from "./numbers.js";
import { bytes, decode, describe } from "./text.js";

const absent = (value) => value ?? undefined;

const log = (level) => (line) => proxy.log(level, text("line", line));

export const host = {
  debug: log("debug"),
  info: log("info"),
  warn: log("warn"),
  error: log("error"),
  nowMs: () => fromU64(proxy.nowMs()),
  unixMs: () => fromU64(proxy.unixMs()),
  // The upper 53 bits, which a number holds exactly.
  random: () => Math.min(fromU64(proxy.random()), 2 ** 64 - 2048) / 2 ** 64,
  count: (name, by = 1) => proxy.count(text("name", name), u64("by", by)),
  readFile: (name) => absent(proxy.readFile(text("name", name))),
  readTextFile: (name) => {
    const content = proxy.readFile(text("name", name));
    return content == null ? undefined : decode(content);
  },
  fileVersion: (name) => fromU64(proxy.fileVersion(text("name", name))),
};

export const current = {
  attribute: (name) => absent(session.attribute(text("name", name))),
  setAttribute: (name, value) => session.setAttribute(text("name", name), text("value", value)),
  removeAttribute: (name) => session.removeAttribute(text("name", name)),
  setUpstreamHeader: (name, value) => session.setUpstreamHeader(text("name", name), text("value", value)),
  offerSubprotocols: (names) => session.offerSubprotocols(names.map((name) => text("name", name))),
  defaultSubprotocol: (name) => session.defaultSubprotocol(text("name", name)),
  setTimer: (timer, afterMs) => session.setTimer(u32("timer", timer), u64("afterMs", afterMs)),
  cancelTimer: (timer) => session.cancelTimer(u32("timer", timer)),
};

export const store = {
  get: (key) => absent(table.get(text("key", key))),
  getText: (key) => {
    const value = table.get(text("key", key));
    return value == null ? undefined : decode(value);
  },
  set: (key, value, ttlMs) => table.set(text("key", key), bytes(value, "value"), u64("ttlMs", ttlMs)),
  remove: (key) => table.remove(text("key", key)),
  add: (key, by, ttlMs) => table.add(text("key", key), s64("by", by), u64("ttlMs", ttlMs)),
};

/** What an import's `err` is: the engine throws an Error with the value as its payload. */
const payload = (error) => {
  if (error instanceof Error && "payload" in error) return error.payload;
  throw error;
};

function defined(define) {
  try {
    return define();
  } catch (error) {
    const why = payload(error);
    throw new Error(typeof why === "string" ? why : describe(why));
  }
}

/** 0 if it may, else how many milliseconds are to be waited. */
function waited(ask) {
  try {
    ask();
    return 0;
  } catch (error) {
    // "At once" is told apart from "yes": who is refused waits for a millisecond at least.
    return Math.max(1, fromU64(payload(error)));
  }
}

export class Limiter {
  #limiter;

  constructor(name, { tokens, periodMs, burst }) {
    const quota = { tokens: u32("tokens", tokens), periodMs: u64("periodMs", periodMs), burst: u32("burst", burst) };
    this.#limiter = defined(() => limiter.define(text("name", name), quota));
  }

  take(key, tokens = 1) {
    return waited(() => limiter.take(this.#limiter, text("key", key), u32("tokens", tokens)));
  }

  tryTake(key, tokens = 1) {
    return this.take(key, tokens) === 0;
  }
}

/** A breaker by the number that the host gave it. */
class NumberedBreaker {
  #breaker;

  constructor(number) {
    this.#breaker = number;
  }

  keyed(key) {
    return new NumberedBreaker(breaker.keyed(this.#breaker, text("key", key)));
  }

  admit() {
    return waited(() => breaker.admit(this.#breaker));
  }

  success(latencyMicros) {
    breaker.success(this.#breaker, u64("latencyMicros", latencyMicros));
  }

  failure() {
    breaker.failure(this.#breaker);
  }

  get state() {
    return breaker.peek(this.#breaker);
  }
}

export class Breaker extends NumberedBreaker {
  constructor(name, { windowMs, resultsMin, failurePercent, slowMs = 0, openMs, probes }) {
    const settings = {
      windowMs: u64("windowMs", windowMs),
      resultsMin: u32("resultsMin", resultsMin),
      failurePercent: u32("failurePercent", failurePercent),
      slowMs: u64("slowMs", slowMs),
      openMs: u64("openMs", openMs),
      probes: u32("probes", probes),
    };
    super(defined(() => breaker.define(text("name", name), settings)));
  }
}
