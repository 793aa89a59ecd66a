// What the fake host knows: a clock that stands still until it is moved, and what filters did. One for a process, set anew by
// each bench.

export const stage = {};

/** As if nothing had happened yet. */
export function clear() {
  Object.assign(stage, {
    nowMs: 1_000_000,
    unixMs: 1_767_225_600_000,
    configuring: false,
    session: undefined,
    log: [],
    counters: new Map(),
    files: new Map(),
    store: new Map(),
    limiters: new Map(),
    breakers: [],
    randomness: 88172645463325252n,
  });
}
clear();

/** The session of the event, or one that nobody sees: outside an event these do nothing. */
export const facts = () => stage.session ?? newFacts();

export const newFacts = () => ({
  attributes: new Map(),
  upstreamHeaders: new Map(),
  timers: new Map(),
  subprotocols: undefined,
  defaultSubprotocol: undefined,
});
