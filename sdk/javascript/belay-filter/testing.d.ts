/** Runs a filter under Node in a fake host, as the proxy would. */

import type { Filter } from "belay-filter";
import type { Running } from "./src/testing/client.js";

export type { Answered, Client, Outcome } from "./src/testing/client.js";

/** One bench at a time: a new one begins with an empty host. */
export class Bench {
  /** Throws what the filter's constructor says. */
  constructor(filter: new (config: any) => Filter<any>, config?: unknown);
}
export interface Bench extends Running {}
