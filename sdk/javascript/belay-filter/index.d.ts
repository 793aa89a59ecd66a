/**
 * Write a filter for Belay in JavaScript or TypeScript: a class, and one line.
 *
 * ```ts
 * import { component, fields, Filter, Verdict, type Message } from "belay-filter";
 *
 * class Mask extends Filter {
 *   readonly words: string[];
 *
 *   constructor(config: unknown) {
 *     super();
 *     ({ words: this.words } = fields(config, { words: fields.list(fields.text()) }));
 *   }
 *   get subscription() {
 *     return { toBackend: "whole" } as const;
 *   }
 *   onMessage(_: undefined, message: Message) {
 *     const clean = this.words.reduce((text, word) => text.replaceAll(word, "***"), message.text ?? "");
 *     if (clean !== message.text) return Verdict.replace(clean);
 *   }
 * }
 *
 * export const { filter, state } = component(Mask);
 * ```
 *
 * One instance serves many sessions of one worker, one call at a time. A call never blocks: there are no promises and no
 * timers but {@link current.setTimer}; who needs an answer from elsewhere returns a `callOut`.
 */

/** Where a message is going. */
export type Direction = "to-backend" | "to-client";

/** How much of each message a filter wants to see. What it does not ask for is neither called nor copied. */
export type Interest = "ignore" | "size" | "whole" | { /** Leading bytes. */ prefix: number };

/** What a filter wants to hear; by default nothing. Timers and answers need no subscription. */
export interface Subscription {
  toBackend?: Interest;
  toClient?: Interest;
  /** `close` is said for you if {@link Filter.newSession} is there. */
  events?: readonly ("handshake" | "upstream" | "heartbeat" | "close")[];
}

export interface Header {
  /** Lower case. */
  name: string;
  value: string;
}

/** Headers of one's own, by name. A list where one name comes more than once. */
export type Headers = Record<string, string> | readonly (readonly [name: string, value: string])[];

/** What the client asked for when it connected. */
export interface Handshake {
  /** Stable for the life of the session, and what the backend sees as `Belay-Session`. */
  readonly sessionId: string;
  /** The name of the route that matched. */
  readonly route: string;
  /** The client's IP address, without port. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** The Host header, empty if there was none. */
  readonly host: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly headers: readonly Header[];
  /** What the client offers in Sec-WebSocket-Protocol, in its order. */
  readonly subprotocols: readonly string[];
  /** The first header of this name, in any case. */
  header(name: string): string | undefined;
  /** The first query parameter of this name, as it is written: nothing is decoded. */
  param(name: string): string | undefined;
}

/** A message on its way, as much of it as was subscribed to. */
export interface Message {
  readonly direction: Direction;
  readonly kind: "text" | "binary";
  /** Its own length in bytes. */
  readonly size: number;
  readonly payload: Uint8Array;
  /** The payload of a text message, decoded when first asked for. Undefined if binary, or if a prefix has cut a character in two. */
  readonly text: string | undefined;
  /** {@link text}, parsed. Undefined if it is not JSON. */
  readonly json: any;
}

/** A payload: a string becomes a text message, bytes a binary one. */
export type Payload = string | Uint8Array | ArrayBuffer;

/** A request to an HTTP service whose origin the YAML lists under this filter's `callouts.allow`. */
export interface Request {
  /** Upper case. Default: `GET`. */
  method?: string;
  /** Absolute, `http://` or `https://`. */
  url: string;
  /** At most 64. */
  headers?: Headers;
  /** At most 1 MiB. Default: empty. */
  body?: Payload;
  /** Default, and maximum: the YAML's `callouts.timeout`. */
  timeoutMs?: number;
}

/** What a service answered, whatever the status. */
export interface Response {
  readonly status: number;
  /** 200 to 299. */
  readonly ok: boolean;
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  /** The first header of this name, in any case. */
  header(name: string): string | undefined;
  /** The body as UTF-8, undefined if it is not. */
  readonly text: string | undefined;
}

/**
 * Why there is no answer. `forbidden`: the YAML or HTTP does not allow it; `busy`: too many are under way, or this event has
 * asked too often (neither was sent); `timeout`: it may have been heard; `unreachable`: no connection, or a lost one;
 * `too-large`: longer than allowed.
 */
export type CalloutError = "forbidden" | "busy" | "timeout" | "unreachable" | "too-large";

/** What became of a callout. */
export type Answer = { response: Response; error?: undefined } | { response?: undefined; error: CalloutError };

/** What became of a session's upstream; times in microseconds. */
export type UpstreamEvent =
  | { kind: "connected"; micros: number }
  | { kind: "failed"; micros?: undefined }
  | { kind: "lost"; micros?: undefined }
  | { kind: "latency"; micros: number };

export interface CloseReason {
  code: number;
  reason: string;
}

declare const brand: unique symbol;
/** The answer to a client that asks to be let in. */
export interface Admission {
  [brand]: "admission";
}
/** The answer to a message. */
export interface Verdict {
  [brand]: "verdict";
}
/** The answer to what is not a message. */
export interface Reaction {
  [brand]: "reaction";
}

export const Admission: {
  /** Let in, as far as this filter goes. The same as returning nothing. */
  readonly accept: Admission;
  /** Not let in, with this HTTP status, 300 to 599. */
  refuse(status: number, answer?: { body?: string; headers?: Headers }): Admission;
  /** Ask this first: `onHandshakeAnswer` decides. The client waits. */
  callOut(request: Request): Admission;
};

export const Verdict: {
  /** Pass it on as it is. The same as returning nothing. */
  readonly continue: Verdict;
  /** Pass it on as it is, and say it again first to every later upstream of this session (to the backend only). */
  readonly remember: Verdict;
  /** Pass nothing on. */
  readonly drop: Verdict;
  /** Pass this on in its place, as the same kind. */
  replace(payload: Payload): Verdict;
  /** Answer its sender with this, and pass nothing on. */
  reply(payload: Payload): Verdict;
  /** It was a heartbeat: pass nothing on, and answer its sender with this if given. */
  heartbeat(payload?: Payload): Verdict;
  /** End the session: a code of RFC 6455, section 7.4, that may stand on the wire, and at most 123 bytes of text. */
  close(code: number, reason?: string): Verdict;
  /** Ask this first: `onMessageAnswer` decides. The session's later messages in this direction wait, nothing else does. */
  callOut(request: Request): Verdict;
};

export const Reaction: {
  /** The same as returning nothing. */
  readonly none: Reaction;
  /** Send this to the client. It does not pass through the chain. */
  send(payload: Payload): Reaction;
  /** End the session. */
  close(code: number, reason?: string): Reaction;
  /** Ask this, and let everything go on: `onAnswer` hears what came of it. One at a time for a session. */
  callOut(request: Request): Reaction;
};

/**
 * What a filter does. Every method has a default that lets things pass; override what was subscribed to. The constructor is
 * given the YAML's `config`; what it throws keeps the proxy from starting, or the old filter in place, and is shown to whoever
 * wrote the YAML. Limiters and breakers are made there.
 *
 * An error thrown elsewhere is logged with its stack, and costs what a trap costs: the instance with all of its sessions'
 * state, and this event is decided by the YAML's `on_failure`.
 */
export class Filter<Session = undefined> {
  get subscription(): Subscription;
  /** What is kept of each session, made when it is first heard of, handed to every method, and forgotten at its end. */
  newSession(): Session;
  /** A client asks to be let in. */
  onHandshake(session: Session, handshake: Handshake): Admission | void;
  /** The same client, and the answer to what was asked about it. After four answers `callOut` is answered `busy`. */
  onHandshakeAnswer(session: Session, handshake: Handshake, answer: Answer): Admission | void;
  /** A session that was let in before, in an instance that was not there then (the last one trapped, or was replaced). */
  onReopen(session: Session, handshake: Handshake): void;
  onMessage(session: Session, message: Message): Verdict | void;
  /** The same message, and the answer to what was asked about it. After four answers `callOut` is answered `busy`. */
  onMessageAnswer(session: Session, message: Message, answer: Answer): Verdict | void;
  onUpstream(session: Session, event: UpstreamEvent): Reaction | void;
  /** A heartbeat was answered at the edge; the direction is the one it came in. */
  onHeartbeat(session: Session, direction: Direction): Reaction | void;
  onTimer(session: Session, timer: number): Reaction | void;
  /** The answer to what a reaction asked. */
  onAnswer(session: Session, answer: Answer): Reaction | void;
  /** The session is over, or was not let in after all. */
  onClose(session: Session, reason: CloseReason): void;
  /** What is kept of a session for the instance that takes this one's place, at most 16 KiB; nothing if there is nothing to keep. Not in an event. */
  snapshot(session: Session): Payload | null | undefined | void;
  /** In place of `onReopen`: the session that another instance's `snapshot` speaks of. Whoever throws is given `onReopen` after all. */
  restore(handshake: Handshake, state: Uint8Array): Session;
}

/** The exports of a filter's component; a module has to export both under these names. */
export function component(filter: new (config: any) => Filter<any>): { filter: object; state: object };

/** An error of the YAML's `config`, told to whoever wrote it as it stands. Any `Error` will do. */
export class ConfigError extends Error {}

/** Reads one field of a config, or throws a {@link ConfigError}. */
export type Reader<T> = (value: unknown) => T;

/** Reads a config of these fields and no others. Errors begin with the field's name: `words: missing; a list`. */
export function fields<T>(config: unknown, known: { [K in keyof T]: Reader<T[K]> }): T;
export namespace fields {
  /** A text; without a default the field must be there. So with the others. */
  function text(byDefault?: string): Reader<string>;
  function flag(byDefault?: boolean): Reader<boolean>;
  /** A whole number from 1. */
  function count(byDefault?: number): Reader<number>;
  function list<T>(item: Reader<T>, byDefault?: T[]): Reader<T[]>;
}

/** The log, the clock and chance. Numbers given to the host must be whole and within 2^53, or a RangeError is thrown. */
export const host: {
  debug(line: string): void;
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
  /** Milliseconds on a clock that never goes back. */
  nowMs(): number;
  /** Milliseconds since 1970. `Date` and `Date.now()` say the same. */
  unixMs(): number;
  /** From 0 to below 1, from a good source; `Math.random()` is the same. */
  random(): number;
  /** Adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names. */
  count(name: string, by?: number): void;
  /** A file that the YAML gives this filter under `files`, undefined while it cannot be read. */
  readFile(name: string): Uint8Array | undefined;
  /** The same as UTF-8, undefined if it is not. */
  readTextFile(name: string): string | undefined;
  /** Changes whenever the content does. Beyond 2^53 the nearest number: compare it, and nothing else. */
  fileVersion(name: string): number;
};

/**
 * The session that the current event is about. Outside an event these do nothing. What breaks a limit (64 attributes of at
 * most 256 and 4096 bytes, 32 headers that HTTP allows, 8 timers) is not done, and fails the event.
 */
export const current: {
  /** What filters know of a session, shared along the chain, kept with the session. */
  attribute(name: string): string | undefined;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  /** A header for every later handshake with the backend, in place of one of that name. An empty value takes it away. */
  setUpstreamHeader(name: string, value: string): void;
  /** What the backend is offered in place of the client's subprotocols, during `onHandshake`. */
  offerSubprotocols(names: readonly string[]): void;
  /** What the client is told if the backend picks none, during `onHandshake`. */
  defaultSubprotocol(name: string): void;
  /** Calls `onTimer` with `timer` after this time, in place of an earlier one of the same number. At most 8 a session. */
  setTimer(timer: number, afterMs: number): void;
  cancelTimer(timer: number): void;
};

/** A small table of the filter's own, shared by all workers of the process, bounded in entries and bytes. */
export const store: {
  get(key: string): Uint8Array | undefined;
  getText(key: string): string | undefined;
  /** False when the table is full. */
  set(key: string, value: Payload, ttlMs: number): boolean;
  remove(key: string): void;
  /** Adds to a number (absent: 0) and gives the sum, exact within 2^53; the time to live starts anew. To `get` it is eight bytes, little endian. */
  add(key: string, by: number, ttlMs: number): number;
};

/** Token buckets with a key each, shared by all workers of the process. Made in a filter's constructor. */
export class Limiter {
  /** `tokens` come back in each `periodMs`, and `burst` may be taken at once. The same name means the same buckets. */
  constructor(name: string, quota: { tokens: number; periodMs: number; burst: number });
  /** Takes tokens, all or none: 0, or after how many milliseconds they would be there (Infinity: more than the burst). */
  take(key: string, tokens?: number): number;
  /** Whether they were taken. */
  tryTake(key: string, tokens?: number): boolean;
}

/** The breaker of a key. */
export interface KeyedBreaker {
  /** The breaker of this key, with the same settings and apart from it. At most 1024 keys: beyond, it stands in itself. */
  keyed(key: string): KeyedBreaker;
  /** May this go to the backend? 0, or after how many milliseconds a probe may. */
  admit(): number;
  /** What came of something sent to the backend, admitted or not. */
  success(latencyMicros: number): void;
  failure(): void;
  /** Without taking a probe's place. */
  readonly state: "closed" | "open" | "half-open";
}

/** A circuit breaker, shared by all workers of the process. Made in a filter's constructor. */
export class Breaker implements KeyedBreaker {
  constructor(
    name: string,
    settings: {
      /** Looks back this far. */
      windowMs: number;
      /** Says nothing before so many results are in the window. */
      resultsMin: number;
      /** Opens at this share of failures. */
      failurePercent: number;
      /** A success slower than this counts as a failure. Default: never. */
      slowMs?: number;
      /** Stays open this long, then lets probes through. */
      openMs: number;
      /** So many probes at a time, and so many successes in a row close it. */
      probes: number;
    },
  );
  keyed(key: string): KeyedBreaker;
  admit(): number;
  success(latencyMicros: number): void;
  failure(): void;
  readonly state: "closed" | "open" | "half-open";
}
