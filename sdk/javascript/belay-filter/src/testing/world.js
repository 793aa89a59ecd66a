// The world's imports for tests under Node, in the shapes that the engine in a component gives them: results throw an Error
// with a payload, and a u64 beyond what a signed number holds is negative.

import { breakers } from "./breakers.js";
import { facts, stage } from "./stage.js";

const NEVER = -1;

const err = (payload) => Object.assign(new Error("see payload"), { payload });

export const host = {
  log: (level, text) => void stage.log.push({ level, text }),
  nowMs: () => stage.nowMs,
  unixMs: () => stage.unixMs,
  random() {
    // xorshift64: the same in each run.
    let x = stage.randomness;
    x ^= BigInt.asUintN(64, x << 13n);
    x ^= x >> 7n;
    stage.randomness = x ^= BigInt.asUintN(64, x << 17n);
    return Number(BigInt.asIntN(64, x));
  },
  count: (name, by) => void stage.counters.set(name, (stage.counters.get(name) ?? 0) + by),
  readFile: (name) => stage.files.get(name)?.content ?? null,
  fileVersion: (name) => stage.files.get(name)?.version ?? 0,
};

export const current = {
  attribute: (name) => facts().attributes.get(name) ?? null,
  setAttribute: (name, value) => void facts().attributes.set(name, value),
  removeAttribute: (name) => void facts().attributes.delete(name),
  setUpstreamHeader(name, value) {
    if (value === "") facts().upstreamHeaders.delete(name.toLowerCase());
    else facts().upstreamHeaders.set(name.toLowerCase(), value);
  },
  offerSubprotocols: (names) => void (facts().subprotocols = names),
  defaultSubprotocol: (name) => void (facts().defaultSubprotocol = name),
  setTimer: (timer, afterMs) => void facts().timers.set(timer, stage.nowMs + afterMs),
  cancelTimer: (timer) => void facts().timers.delete(timer),
};

function onlyConfiguring() {
  if (!stage.configuring) throw err("only during configure");
}

export const limiter = {
  define(name, quota) {
    onlyConfiguring();
    if (quota.tokens === 0 || quota.periodMs === 0 || quota.burst === 0) throw err("tokens, period-ms and burst are 1 at least");
    const known = [...stage.limiters.keys()];
    if (!stage.limiters.has(name)) stage.limiters.set(name, { quota, buckets: new Map() });
    return known.includes(name) ? known.indexOf(name) : known.length;
  },
  take(number, key, tokens) {
    const { quota, buckets } = [...stage.limiters.values()][number];
    if (tokens > quota.burst) throw err(NEVER);
    const msPerToken = quota.periodMs / quota.tokens;
    const bucket = buckets.get(key) ?? { level: quota.burst, at: stage.nowMs };
    const level = Math.min(quota.burst, bucket.level + (stage.nowMs - bucket.at) / msPerToken);
    // A clock of whole milliseconds leaves nothing but rounding below this.
    if (level + 1e-9 < tokens) throw err(Math.ceil((tokens - level) * msPerToken));
    buckets.set(key, { level: level - tokens, at: stage.nowMs });
  },
};

export const breaker = breakers(err, onlyConfiguring);

const alive = (key) => {
  const entry = stage.store.get(key);
  if (entry && entry.until <= stage.nowMs) stage.store.delete(key);
  return stage.store.get(key)?.value;
};

export const store = {
  get: (key) => alive(key) ?? null,
  set(key, value, ttlMs) {
    stage.store.set(key, { value: Uint8Array.from(value), until: stage.nowMs + ttlMs });
    return true;
  },
  remove: (key) => void stage.store.delete(key),
  add(key, by, ttlMs) {
    const before = alive(key);
    const number = before?.length === 8 ? new DataView(before.buffer).getBigInt64(0, true) : 0n;
    const value = new Uint8Array(8);
    new DataView(value.buffer).setBigInt64(0, number + BigInt(by), true);
    stage.store.set(key, { value, until: stage.nowMs + ttlMs });
    return Number(number) + by;
  },
};
