/** What tests have of a bench, whatever language the filter is written in. */

export type Direction = "to-backend" | "to-client";
export type CalloutError = "forbidden" | "busy" | "timeout" | "unreachable" | "too-large";
/** A string is a text message, bytes are a binary one. */
export type Payload = string | Uint8Array;

/**
 * An answer as tests compare it, by the name of its kind: `{ continue: true }`, `{ replace: "…" }`, `{ reply: "…" }`,
 * `{ close: { code, reason } }`, `{ refuse: { status, headers, body } }`, `{ callOut: { method, url, … } }`, `{ none: true }`.
 * A payload is a string if it is one.
 */
export type Answered = Record<string, any>;

/** What a service says to a callout. */
export type Outcome = { status?: number; headers?: { name: string; value: string }[]; body?: Payload } | { error: CalloutError };

/** Runs a filter under Node in a fake host, as the proxy would. The clock stands still until a test moves it. */
export interface Running {
  readonly subscription: any;
  /** A client comes. Whether it was let in says `admission`. */
  connect(
    target?: string,
    options?: { headers?: Record<string, string>; peer?: string; peerPort?: number; route?: string; subprotocols?: string[] },
  ): Client;
  /** Time passes. The timers that became due, in order, with their answers. */
  advance(ms: number): { timer: number; session: string; answer: Answered }[];
  /** Another instance takes over, with what `snapshot` gives. The complaints of `restore`. */
  reload(config?: unknown): string[];
  /** All lines so far. Changing the array (`log.length = 0`) forgets them. */
  readonly log: { level: "debug" | "info" | "warn" | "error"; text: string }[];
  counter(name: string): number | undefined;
  /** A file of the YAML's `files`; undefined takes it away. */
  setFile(name: string, content: Payload | undefined): void;
}

export interface Client {
  readonly admission: Answered;
  toBackend(payload: Payload): Answered;
  toClient(payload: Payload): Answered;
  upstream(kind: "connected" | "latency", micros: number): Answered;
  upstream(kind: "failed" | "lost"): Answered;
  heartbeat(direction?: Direction): Answered;
  /** Answers what `onHandshake` asked; so the others. */
  answerHandshake(outcome: Outcome): Answered;
  answerMessage(outcome: Outcome): Answered;
  answer(outcome: Outcome): Answered;
  close(code?: number, reason?: string): void;
  readonly attributes: Record<string, string>;
  readonly upstreamHeaders: Record<string, string>;
  readonly subprotocols: string[] | undefined;
  readonly defaultSubprotocol: string | undefined;
  /** In how many milliseconds they are due. */
  readonly timers: Record<number, number>;
}
