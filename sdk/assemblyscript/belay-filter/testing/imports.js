// The fake host's functions, as a core module imports them.

import { breaker, current, host, limiter, store } from "./host/world.js";

const LEVELS = ["debug", "info", "warn", "error"];
const STATES = ["closed", "open", "half-open"];
const I64_MAX = 2n ** 63n - 1n;

/** A number of the fake host as a u64: beyond what a signed number holds it is negative there, too. */
const u64 = (number) => BigInt.asIntN(64, BigInt(number));
/** A module's u64 as a number. */
const number = (value) => Number(value > I64_MAX || value < 0n ? BigInt.asUintN(64, value) : value);

/** The imports of a module whose memory `memory()` gives once it is there. */
export function imports(memory) {
  const text = (at, size) => memory().string(at, size);
  const option = (at, bytes) => {
    const m = memory();
    m.view.setUint8(at, bytes == null ? 0 : 1);
    if (bytes != null) m.words(at + 4, ...m.list(bytes));
  };
  /** `result<u32, string>` and `result<_, u64>`: what the fake host throws has the error as its payload. */
  const result = (at, ask) => {
    try {
      const value = ask();
      memory().view.setUint8(at, 0);
      if (value !== undefined) memory().words(at + 4, value);
    } catch (error) {
      if (!("payload" in error)) throw error;
      const m = memory();
      m.view.setUint8(at, 1);
      if (typeof error.payload === "string") m.words(at + 4, ...m.text(error.payload));
      else m.view.setBigUint64(at + 8, BigInt.asUintN(64, BigInt(error.payload)), true);
    }
  };
  return {
    "belay:filter/host@0.1.0": {
      log: (level, at, size) => host.log(LEVELS[level], text(at, size)),
      "now-ms": () => u64(host.nowMs()),
      "unix-ms": () => u64(host.unixMs()),
      random: () => u64(host.random()),
      count: (at, size, by) => host.count(text(at, size), number(by)),
      "read-file": (at, size, answer) => option(answer, host.readFile(text(at, size))),
      "file-version": (at, size) => u64(host.fileVersion(text(at, size))),
    },
    "belay:filter/current@0.1.0": {
      attribute(at, size, answer) {
        const value = current.attribute(text(at, size));
        option(answer, value === null ? null : Buffer.from(value));
      },
      "set-attribute": (at, size, valueAt, valueSize) => current.setAttribute(text(at, size), text(valueAt, valueSize)),
      "remove-attribute": (at, size) => current.removeAttribute(text(at, size)),
      "set-upstream-header": (at, size, valueAt, valueSize) => current.setUpstreamHeader(text(at, size), text(valueAt, valueSize)),
      "offer-subprotocols": (at, length) => current.offerSubprotocols(Array.from({ length }, (_, index) => memory().textAt(at + index * 8))),
      "default-subprotocol": (at, size) => current.defaultSubprotocol(text(at, size)),
      "set-timer": (timer, afterMs) => current.setTimer(timer, number(afterMs)),
      "cancel-timer": (timer) => current.cancelTimer(timer),
    },
    "belay:filter/limiter@0.1.0": {
      define: (at, size, tokens, periodMs, burst, answer) =>
        result(answer, () => limiter.define(text(at, size), { tokens, periodMs: number(periodMs), burst })),
      take: (known, at, size, tokens, answer) => result(answer, () => limiter.take(known, text(at, size), tokens)),
    },
    "belay:filter/breaker@0.1.0": {
      define(at, size, windowMs, resultsMin, failurePercent, slowMs, openMs, probes, answer) {
        const settings = { windowMs: number(windowMs), resultsMin, failurePercent, slowMs: number(slowMs), openMs: number(openMs), probes };
        result(answer, () => breaker.define(text(at, size), settings));
      },
      keyed: (known, at, size) => breaker.keyed(known, text(at, size)),
      admit: (known, answer) => result(answer, () => breaker.admit(known)),
      success: (known, latencyMicros) => breaker.success(known, number(latencyMicros)),
      failure: (known) => breaker.failure(known),
      peek: (known) => STATES.indexOf(breaker.peek(known)),
    },
    "belay:filter/store@0.1.0": {
      get: (at, size, answer) => option(answer, store.get(text(at, size))),
      set: (at, size, valueAt, valueSize, ttlMs) => Number(store.set(text(at, size), memory().bytes(valueAt, valueSize), number(ttlMs))),
      remove: (at, size) => store.remove(text(at, size)),
      add: (at, size, by, ttlMs) => u64(store.add(text(at, size), Number(by), number(ttlMs))),
    },
  };
}
