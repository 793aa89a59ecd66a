// Circuit breakers of the fake host.

import { stage } from "./stage.js";

const closed = () => ({ kind: "closed", results: [] });

/** The interface `breaker`. */
export function breakers(err, onlyConfiguring) {
  const at = (number) => {
    const found = stage.breakers[number];
    const state = found.state;
    if (state.kind === "open" && state.until <= stage.nowMs) found.state = { kind: "half-open", probes: [], successes: 0 };
    return found;
  };
  const place = (name, settings) => {
    const known = stage.breakers.findIndex((breaker) => breaker.name === name);
    if (known >= 0) return known;
    return stage.breakers.push({ name, settings, state: closed() }) - 1;
  };

  function result(number, failed) {
    const found = at(number);
    const { settings, state } = found;
    const open = () => (found.state = { kind: "open", until: stage.nowMs + settings.openMs });
    if (state.kind === "half-open") {
      state.probes.shift();
      if (failed) return open();
      if (++state.successes >= settings.probes) found.state = closed();
    } else if (state.kind === "closed") {
      state.results = state.results.filter(({ at }) => stage.nowMs - at < settings.windowMs);
      state.results.push({ at: stage.nowMs, failed });
      const failures = state.results.filter((each) => each.failed).length;
      const enough = state.results.length >= settings.resultsMin;
      if (enough && failures * 100 >= settings.failurePercent * state.results.length) open();
    }
  }

  return {
    define(name, settings) {
      onlyConfiguring();
      return place(name, settings);
    },
    keyed: (number, key) => place(`${stage.breakers[number].name}\0${key}`, stage.breakers[number].settings),
    admit(number) {
      const { state, settings } = at(number);
      if (state.kind === "open") throw err(state.until - stage.nowMs);
      if (state.kind === "closed") return;
      state.probes = state.probes.filter((since) => stage.nowMs - since < settings.openMs);
      if (state.probes.length >= settings.probes) throw err(settings.openMs - (stage.nowMs - state.probes[0]));
      state.probes.push(stage.nowMs);
    },
    success(number, latencyMicros) {
      const { slowMs } = stage.breakers[number].settings;
      result(number, slowMs > 0 && latencyMicros > slowMs * 1000);
    },
    failure: (number) => result(number, true),
    peek: (number) => at(number).state.kind,
  };
}
