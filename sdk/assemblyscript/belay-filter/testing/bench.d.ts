/** Runs a filter's core module under Node in a fake host, as the proxy would. */

import type { Running } from "./host/client.js";

export type { Answered, CalloutError, Client, Direction, Outcome, Payload } from "./host/client.js";

/** One bench at a time: a new one begins with an empty host. */
export class Bench {
  /** A core module that was built. Throws what the filter says to its config. */
  constructor(file: string, config?: unknown);
  /** Linear memory of the instance. */
  readonly memoryBytes: number;
}
export interface Bench extends Running {}
