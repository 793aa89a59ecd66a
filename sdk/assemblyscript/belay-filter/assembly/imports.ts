// The world's imports, flattened as the canonical ABI has it (https://component-model.bytecodealliance.org). A pointer and a
// length are a text or a list; a last pointer is where the answer goes.

// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "log")
export declare function log(level: u32, at: usize, size: u32): void;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "now-ms")
export declare function nowMs(): u64;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "unix-ms")
export declare function unixMs(): u64;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "random")
export declare function random(): u64;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "count")
export declare function count(at: usize, size: u32, by: u64): void;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "read-file")
export declare function readFile(at: usize, size: u32, answer: usize): void;
// @ts-ignore: decorator
@external("belay:filter/host@0.1.0", "file-version")
export declare function fileVersion(at: usize, size: u32): u64;

// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "attribute")
export declare function attribute(at: usize, size: u32, answer: usize): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "set-attribute")
export declare function setAttribute(at: usize, size: u32, valueAt: usize, valueSize: u32): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "remove-attribute")
export declare function removeAttribute(at: usize, size: u32): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "set-upstream-header")
export declare function setUpstreamHeader(at: usize, size: u32, valueAt: usize, valueSize: u32): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "offer-subprotocols")
export declare function offerSubprotocols(at: usize, length: u32): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "default-subprotocol")
export declare function defaultSubprotocol(at: usize, size: u32): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "set-timer")
export declare function setTimer(timer: u32, afterMs: u64): void;
// @ts-ignore: decorator
@external("belay:filter/current@0.1.0", "cancel-timer")
export declare function cancelTimer(timer: u32): void;

// @ts-ignore: decorator
@external("belay:filter/limiter@0.1.0", "define")
export declare function defineLimiter(at: usize, size: u32, tokens: u32, periodMs: u64, burst: u32, answer: usize): void;
// @ts-ignore: decorator
@external("belay:filter/limiter@0.1.0", "take")
export declare function take(limiter: u32, at: usize, size: u32, tokens: u32, answer: usize): void;

// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "define")
export declare function defineBreaker(
  at: usize,
  size: u32,
  windowMs: u64,
  resultsMin: u32,
  failurePercent: u32,
  slowMs: u64,
  openMs: u64,
  probes: u32,
  answer: usize,
): void;
// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "keyed")
export declare function keyed(breaker: u32, at: usize, size: u32): u32;
// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "admit")
export declare function admit(breaker: u32, answer: usize): void;
// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "success")
export declare function success(breaker: u32, latencyMicros: u64): void;
// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "failure")
export declare function failure(breaker: u32): void;
// @ts-ignore: decorator
@external("belay:filter/breaker@0.1.0", "peek")
export declare function peek(breaker: u32): u32;

// @ts-ignore: decorator
@external("belay:filter/store@0.1.0", "get")
export declare function get(at: usize, size: u32, answer: usize): void;
// @ts-ignore: decorator
@external("belay:filter/store@0.1.0", "set")
export declare function set(at: usize, size: u32, valueAt: usize, valueSize: u32, ttlMs: u64): bool;
// @ts-ignore: decorator
@external("belay:filter/store@0.1.0", "remove")
export declare function remove(at: usize, size: u32): void;
// @ts-ignore: decorator
@external("belay:filter/store@0.1.0", "add")
export declare function add(at: usize, size: u32, by: i64, ttlMs: u64): i64;
