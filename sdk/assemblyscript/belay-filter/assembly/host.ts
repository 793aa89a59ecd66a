// The host's services.

import { ANSWER, answeredBytes, answeredText, textAt, utf8 } from "./abi";
import * as imports from "./imports";

/** The log, the clock and chance. */
export namespace host {
  function log(level: u32, line: string): void {
    const bytes = utf8(line);
    imports.log(level, changetype<usize>(bytes), bytes.byteLength);
  }
  export function debug(line: string): void {
    log(0, line);
  }
  export function info(line: string): void {
    log(1, line);
  }
  export function warn(line: string): void {
    log(2, line);
  }
  export function error(line: string): void {
    log(3, line);
  }
  /** Milliseconds on a clock that never goes back. */
  export function nowMs(): u64 {
    return imports.nowMs();
  }
  /** Milliseconds since 1970. */
  export function unixMs(): u64 {
    return imports.unixMs();
  }
  export function random(): u64 {
    return imports.random();
  }
  /** Adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names. */
  export function count(name: string, by: u64 = 1): void {
    const bytes = utf8(name);
    imports.count(changetype<usize>(bytes), bytes.byteLength, by);
  }
  /** A file that the YAML gives this filter under `files`, null while it cannot be read. */
  export function readFile(name: string): Uint8Array | null {
    const bytes = utf8(name);
    imports.readFile(changetype<usize>(bytes), bytes.byteLength, ANSWER);
    return answeredBytes();
  }
  /** Changes whenever the content does. */
  export function fileVersion(name: string): u64 {
    const bytes = utf8(name);
    return imports.fileVersion(changetype<usize>(bytes), bytes.byteLength);
  }
}

/**
 * The session that the current event is about. Outside an event these do nothing. What breaks a limit (64 attributes of at
 * most 256 and 4096 bytes, 32 headers that HTTP allows, 8 timers) is not done, and fails the event.
 */
export namespace current {
  /** What filters know of a session, shared along the chain, kept with the session. */
  export function attribute(name: string): string | null {
    const bytes = utf8(name);
    imports.attribute(changetype<usize>(bytes), bytes.byteLength, ANSWER);
    return answeredText();
  }
  export function setAttribute(name: string, value: string): void {
    const bytes = utf8(name);
    const to = utf8(value);
    imports.setAttribute(changetype<usize>(bytes), bytes.byteLength, changetype<usize>(to), to.byteLength);
  }
  export function removeAttribute(name: string): void {
    const bytes = utf8(name);
    imports.removeAttribute(changetype<usize>(bytes), bytes.byteLength);
  }
  /** A header for every later handshake with the backend. An empty value takes it away. */
  export function setUpstreamHeader(name: string, value: string): void {
    const bytes = utf8(name);
    const to = utf8(value);
    imports.setUpstreamHeader(changetype<usize>(bytes), bytes.byteLength, changetype<usize>(to), to.byteLength);
  }
  /** What the backend is offered in place of the client's subprotocols, during `onHandshake`. */
  export function offerSubprotocols(names: string[]): void {
    const texts = names.map<ArrayBuffer>((name) => utf8(name));
    const list = new Uint32Array(names.length * 2);
    for (let i = 0; i < texts.length; i++) {
      list[i * 2] = <u32>changetype<usize>(texts[i]);
      list[i * 2 + 1] = texts[i].byteLength;
    }
    imports.offerSubprotocols(list.dataStart, names.length);
  }
  /** What the client is told if the backend picks none, during `onHandshake`. */
  export function defaultSubprotocol(name: string): void {
    const bytes = utf8(name);
    imports.defaultSubprotocol(changetype<usize>(bytes), bytes.byteLength);
  }
  /** Calls `onTimer` after this time, in place of an earlier one of the same number. At most 8 a session. */
  export function setTimer(timer: u32, afterMs: u64): void {
    imports.setTimer(timer, afterMs);
  }
  export function cancelTimer(timer: u32): void {
    imports.cancelTimer(timer);
  }
}

/** A small table of the filter's own, shared by all workers of the process, bounded in entries and bytes. */
export namespace table {
  export function get(key: string): Uint8Array | null {
    const bytes = utf8(key);
    imports.get(changetype<usize>(bytes), bytes.byteLength, ANSWER);
    return answeredBytes();
  }
  /** False when the table is full. */
  export function set(key: string, value: Uint8Array, ttlMs: u64): bool {
    const bytes = utf8(key);
    return imports.set(changetype<usize>(bytes), bytes.byteLength, value.dataStart, value.length, ttlMs);
  }
  export function remove(key: string): void {
    const bytes = utf8(key);
    imports.remove(changetype<usize>(bytes), bytes.byteLength);
  }
  /** Adds to a number (absent: 0) and gives the sum; the time to live starts anew. To `get` it is eight bytes, little endian. */
  export function add(key: string, by: i64, ttlMs: u64): i64 {
    const bytes = utf8(key);
    return imports.add(changetype<usize>(bytes), bytes.byteLength, by, ttlMs);
  }
}

/** The number of what was defined. Why it could not be ends the configuration. */
function defined(): u32 {
  if (load<u8>(ANSWER)) throw new Error(textAt(ANSWER + 4));
  return load<u32>(ANSWER, 4);
}

/** 0, or how many milliseconds are to be waited. */
function waited(): u64 {
  return load<u8>(ANSWER) ? max<u64>(1, load<u64>(ANSWER, 8)) : 0;
}

/** Token buckets with a key each, shared by all workers of the process. Made in `configure`. */
export class Limiter {
  private limiter: u32;

  /** `tokens` come back in each `periodMs`, and `burst` may be taken at once. The same name means the same buckets. */
  constructor(name: string, tokens: u32, periodMs: u64, burst: u32) {
    const bytes = utf8(name);
    imports.defineLimiter(changetype<usize>(bytes), bytes.byteLength, tokens, periodMs, burst, ANSWER);
    this.limiter = defined();
  }

  /** Takes tokens, all or none: 0, or after how many milliseconds they would be there (`u64.MAX_VALUE`: never). */
  take(key: string, tokens: u32 = 1): u64 {
    const bytes = utf8(key);
    imports.take(this.limiter, changetype<usize>(bytes), bytes.byteLength, tokens, ANSWER);
    return waited();
  }
}

export enum BreakerState {
  Closed,
  Open,
  HalfOpen,
}

export class BreakerSettings {
  /** Looks back this far. */
  windowMs: u64 = 10_000;
  /** Says nothing before so many results are in the window. */
  resultsMin: u32 = 20;
  /** Opens at this share of failures. */
  failurePercent: u32 = 50;
  /** A success slower than this counts as a failure; 0: never. */
  slowMs: u64 = 0;
  /** Stays open this long, then lets probes through. */
  openMs: u64 = 5_000;
  /** So many probes at a time, and so many successes in a row close it. */
  probes: u32 = 1;
}

/** A circuit breaker, shared by all workers of the process. */
export class Breaker {
  private constructor(private breaker: u32) {}

  /** Only in `configure`. */
  static define(name: string, settings: BreakerSettings): Breaker {
    const bytes = utf8(name);
    imports.defineBreaker(
      changetype<usize>(bytes),
      bytes.byteLength,
      settings.windowMs,
      settings.resultsMin,
      settings.failurePercent,
      settings.slowMs,
      settings.openMs,
      settings.probes,
      ANSWER,
    );
    return new Breaker(defined());
  }

  /** The breaker of this key, with the same settings and apart from it. At most 1024 keys: beyond, it stands in itself. */
  keyed(key: string): Breaker {
    const bytes = utf8(key);
    return new Breaker(imports.keyed(this.breaker, changetype<usize>(bytes), bytes.byteLength));
  }

  /** May this go to the backend? 0, or after how many milliseconds a probe may. */
  admit(): u64 {
    imports.admit(this.breaker, ANSWER);
    return waited();
  }

  /** What came of something sent to the backend, admitted or not. */
  success(latencyMicros: u64): void {
    imports.success(this.breaker, latencyMicros);
  }
  failure(): void {
    imports.failure(this.breaker);
  }

  /** Without taking a probe's place. */
  state(): BreakerState {
    return <BreakerState>imports.peek(this.breaker);
  }
}
