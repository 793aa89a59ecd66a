// Answers to events, in the shape that the world's variants have in the engine: { tag, val }.

import { text, u16, u32 } from "./numbers.js";
import { bytes, describe } from "./text.js";

const message = (payload) =>
  typeof payload === "string" ? { kind: "text", payload: bytes(payload) } : { kind: "binary", payload: bytes(payload) };
const reason = (code, why = "") => ({ code: u16("code", code), reason: text("reason", why) });
const headers = (given = {}) =>
  (Array.isArray(given) ? given : Object.entries(given)).map(([name, value]) => ({
    name: text("header", name).toLowerCase(),
    value: text(`header ${name}`, value),
  }));

function request({ method = "GET", url, headers: given, body = "", timeoutMs = 0 }) {
  return {
    method: text("method", method),
    url: text("url", url),
    headers: headers(given),
    body: bytes(body, "body"),
    timeoutMs: u32("timeoutMs", timeoutMs),
  };
}

class Answer {
  constructor(tag, val) {
    this.tag = tag;
    if (val !== undefined) this.val = val;
  }
}
class AdmissionAnswer extends Answer {}
class VerdictAnswer extends Answer {}
class ReactionAnswer extends Answer {}

export const Admission = {
  accept: new AdmissionAnswer("accept"),
  refuse: (status, { body = "", headers: given } = {}) =>
    new AdmissionAnswer("refuse", { status: u16("status", status), headers: headers(given), body: text("body", body) }),
  callOut: (asked) => new AdmissionAnswer("call-out", request(asked)),
};

export const Verdict = {
  continue: new VerdictAnswer("continue"),
  remember: new VerdictAnswer("remember"),
  drop: new VerdictAnswer("drop"),
  replace: (payload) => new VerdictAnswer("replace", bytes(payload)),
  reply: (payload) => new VerdictAnswer("reply", message(payload)),
  heartbeat: (payload) => new VerdictAnswer("heartbeat", payload === undefined ? null : message(payload)),
  close: (code, why) => new VerdictAnswer("close", reason(code, why)),
  callOut: (asked) => new VerdictAnswer("call-out", request(asked)),
};

export const Reaction = {
  none: new ReactionAnswer("none"),
  send: (payload) => new ReactionAnswer("send", message(payload)),
  close: (code, why) => new ReactionAnswer("close", reason(code, why)),
  callOut: (asked) => new ReactionAnswer("call-out", request(asked)),
};

const check = (kind, name, nothing) => (event, answer) => {
  if (answer === undefined) return nothing;
  if (answer instanceof kind) return answer;
  const what = answer instanceof Promise ? "a promise: a filter cannot wait, see callOut" : describe(answer);
  throw new TypeError(`${event}: the answer is ${name} or nothing, not ${what}`);
};

/** What a handler returned; undefined lets things pass. */
export const admission = check(AdmissionAnswer, "an Admission", Admission.accept);
export const verdict = check(VerdictAnswer, "a Verdict", Verdict.continue);
export const reaction = check(ReactionAnswer, "a Reaction", Reaction.none);
