// Makes the world's exports of a class: keeps the sessions' table, shapes what goes in and out, and sees that an error is read
// by somebody before it becomes a trap.

import { admission, reaction, verdict } from "./answers.js";
import { ConfigError } from "./config.js";
import { furnish } from "./environment.js";
import { Handshake, Message, answer, upstreamEvent } from "./events.js";
import { Filter } from "./filter.js";
import { host } from "./host.js";
import { u32 } from "./numbers.js";
import { bytes, describe } from "./text.js";

const EVENTS = ["handshake", "upstream", "heartbeat", "close"];

/** The exports `filter` and `state` of a filter. */
export function component(Class) {
  let filter;
  const sessions = new Map();

  const session = (id) => {
    if (!sessions.has(id)) sessions.set(id, filter.newSession());
    return sessions.get(id);
  };
  const anew = (id) => {
    sessions.set(id, filter.newSession());
    return sessions.get(id);
  };

  return {
    filter: {
      configure(config) {
        furnish();
        try {
          filter = new Class(JSON.parse(config));
          return subscribed(filter);
        } catch (error) {
          throw complaint(error);
        }
      },
      onHandshake: told("onHandshake", (id, raw) =>
        admission("onHandshake", filter.onHandshake(anew(id), new Handshake(raw)))),
      onHandshakeAnswer: told("onHandshakeAnswer", (id, raw, result) =>
        admission("onHandshakeAnswer", filter.onHandshakeAnswer(session(id), new Handshake(raw), answer(result)))),
      onReopen: told("onReopen", (id, raw) => void filter.onReopen(anew(id), new Handshake(raw))),
      onMessage: told("onMessage", (id, direction, kind, size, payload) =>
        verdict("onMessage", filter.onMessage(session(id), new Message(direction, kind, size, payload)))),
      onMessageAnswer: told("onMessageAnswer", (id, direction, kind, size, payload, result) =>
        verdict("onMessageAnswer", filter.onMessageAnswer(session(id), new Message(direction, kind, size, payload), answer(result)))),
      onUpstream: told("onUpstream", (id, event) => reaction("onUpstream", filter.onUpstream(session(id), upstreamEvent(event)))),
      onHeartbeat: told("onHeartbeat", (id, direction) => reaction("onHeartbeat", filter.onHeartbeat(session(id), direction))),
      onTimer: told("onTimer", (id, timer) => reaction("onTimer", filter.onTimer(session(id), timer))),
      onAnswer: told("onAnswer", (id, result) => reaction("onAnswer", filter.onAnswer(session(id), answer(result)))),
      onClose: told("onClose", (id, reason) => {
        const over = session(id);
        sessions.delete(id);
        filter.onClose(over, reason);
      }),
    },
    state: {
      snapshot: told("snapshot", (id) => {
        const kept = filter.snapshot(session(id));
        return kept == null ? null : bytes(kept, "snapshot");
      }),
      restore(id, raw, kept) {
        try {
          sessions.set(id, filter.restore(new Handshake(raw), kept));
        } catch (error) {
          throw complaint(error);
        }
      },
    },
  };
}

/** An error in the handler is written to the log with its stack, and then fails the event. */
const told = (name, handle) => (...given) => {
  try {
    return handle(...given);
  } catch (error) {
    host.error(`${name}: ${error}${error?.stack ? `\n${error.stack}` : ""}`);
    throw error;
  }
};

/** The `err` of a result: a text. Whose mistake it is shows: a filter's own errors come with their kind. */
const complaint = (error) => {
  if (error instanceof ConfigError || (error instanceof Error && error.constructor === Error)) return error.message;
  return String(error);
};

function subscribed(filter) {
  const { toBackend, toClient, events = [], ...rest } = filter.subscription;
  for (const unknown of [...Object.keys(rest), ...events.filter((event) => !EVENTS.includes(event))]) {
    throw new TypeError(`subscription: there is no ${unknown}`);
  }
  // What is kept of a session has to be forgotten at its end.
  const keeps = filter.newSession !== Filter.prototype.newSession || events.includes("handshake");
  return {
    toBackend: interest("toBackend", toBackend),
    toClient: interest("toClient", toClient),
    events: Object.fromEntries(EVENTS.map((event) => [event, events.includes(event) || (event === "close" && keeps)])),
  };
}

function interest(name, asked = "ignore") {
  if (["ignore", "size", "whole"].includes(asked)) return { tag: asked };
  if (typeof asked?.prefix === "number") return { tag: "prefix", val: u32(`${name}.prefix`, asked.prefix) };
  throw new TypeError(`subscription.${name}: "ignore", "size", "whole" or { prefix: bytes }, not ${describe(asked)}`);
}
