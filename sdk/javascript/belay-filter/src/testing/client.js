// A test's client and the clock of the stage: the same for each bench, however that calls its filter. Types and docs: client.d.ts.

import { newFacts, stage } from "./stage.js";

let sessions = 0;

/** What a bench keeps of a session. */
export function newSession(id, target, { headers = {}, peer = "192.0.2.1", peerPort = 40000, route = "chat", subprotocols = [] }) {
  const [path, query = ""] = target.split(/\?(.*)/s);
  const handshake = {
    sessionId: `session-${++sessions}`,
    route,
    peerAddress: peer,
    peerPort,
    host: headers.host ?? "",
    path,
    query,
    headers: Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value })),
    subprotocols,
  };
  return { id, handshake, facts: newFacts() };
}

/** Time passes; `onTimer` asks the filter. */
export function advance(sessions, ms, onTimer) {
  const all = [...sessions];
  const end = stage.nowMs + ms;
  const fired = [];
  for (;;) {
    const due = all
      .flatMap((session) => [...session.facts.timers].map(([timer, at]) => ({ session, timer, at })))
      .filter(({ at }) => at <= end)
      .sort((a, b) => a.at - b.at)[0];
    if (!due) break;
    move(due.at - stage.nowMs);
    due.session.facts.timers.delete(due.timer);
    fired.push({ timer: due.timer, session: due.session.handshake.sessionId, answer: onTimer(due.session, due.timer) });
  }
  move(end - stage.nowMs);
  return fired;
}

function move(ms) {
  stage.nowMs += ms;
  stage.unixMs += ms;
}

/** A file of the YAML's `files` has this content, or is gone. */
export function setFile(name, content) {
  const version = (stage.files.get(name)?.version ?? 0) + 1;
  if (content === undefined) stage.files.delete(name);
  else stage.files.set(name, { content: Buffer.from(content), version });
}

/** What a test has in its hands; `events` asks the filter. */
export class Client {
  #facts;

  constructor({ facts }, admission, events) {
    this.#facts = facts;
    this.admission = admission;
    this.toBackend = (payload) => events.message("to-backend", payload);
    this.toClient = (payload) => events.message("to-client", payload);
    this.upstream = events.upstream;
    this.heartbeat = (direction = "to-backend") => events.heartbeat(direction);
    this.answerHandshake = (outcome) => (this.admission = events.answerHandshake(outcome));
    this.answerMessage = events.answerMessage;
    this.answer = events.answer;
    this.close = (code = 1000, reason = "") => events.close(code, reason);
  }

  get attributes() {
    return Object.fromEntries(this.#facts.attributes);
  }

  get upstreamHeaders() {
    return Object.fromEntries(this.#facts.upstreamHeaders);
  }

  get subprotocols() {
    return this.#facts.subprotocols;
  }

  get defaultSubprotocol() {
    return this.#facts.defaultSubprotocol;
  }

  get timers() {
    return Object.fromEntries([...this.#facts.timers].map(([timer, at]) => [timer, at - stage.nowMs]));
  }
}
