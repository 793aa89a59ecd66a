import { deepEqual, equal, match, throws } from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Admission, Breaker, Filter, Limiter, Reaction, Verdict, current, host, store } from "belay-filter";
import { Bench } from "belay-filter/testing";

/** A filter whose handlers a test writes. */
let does;
beforeEach(() => (does = {}));
class Puppet extends Filter {
  constructor(config) {
    super();
    does.constructor?.call?.(this, config);
    for (const [name, handler] of Object.entries(does)) if (name.startsWith("on") || ["snapshot", "restore"].includes(name)) this[name] = handler;
  }
  get subscription() {
    return { toBackend: "whole", toClient: { prefix: 4 }, events: ["handshake", "upstream", "heartbeat", "close"] };
  }
  newSession() {
    return { seen: [] };
  }
}
const client = () => new Bench(Puppet).connect();

test("a filter that says nothing lets everything pass", () => {
  class Silent extends Filter {}
  const bench = new Bench(Silent);
  deepEqual(bench.subscription, { toBackend: { tag: "ignore" }, toClient: { tag: "ignore" }, events: { handshake: false, upstream: false, heartbeat: false, close: false } });
  const silent = bench.connect();
  deepEqual([silent.admission, silent.toBackend("x"), silent.upstream("lost"), silent.heartbeat()], [{ accept: true }, { continue: true }, { none: true }, { none: true }]);
});

test("each verdict reaches the host", () => {
  const verdicts = [
    [Verdict.continue, { continue: true }],
    [Verdict.remember, { remember: true }],
    [Verdict.drop, { drop: true }],
    [Verdict.replace("ça"), { replace: "ça" }],
    [Verdict.reply("no"), { reply: "no" }],
    [Verdict.heartbeat(), { heartbeat: true }],
    [Verdict.heartbeat("pong"), { heartbeat: "pong" }],
    [Verdict.close(1008, "why"), { close: { code: 1008, reason: "why" } }],
    [Verdict.callOut({ url: "http://a/" }), { callOut: { method: "GET", url: "http://a/", headers: [], body: "", timeoutMs: 0 } }],
  ];
  for (const [verdict, expected] of verdicts) {
    does.onMessage = () => verdict;
    deepEqual(client().toBackend("x"), expected);
  }
  does.onMessage = () => Verdict.reply(Uint8Array.of(0xff));
  deepEqual(client().toBackend("x"), { reply: Uint8Array.of(0xff) });
});

test("a message is decoded when it is asked for, and a character that a prefix cuts is no text", () => {
  does.onMessage = (session, message) => void session.seen.push([message.direction, message.kind, message.size, message.text]);
  does.onClose = (session) => host.info(JSON.stringify(session.seen));
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  ann.toBackend("çaç");
  ann.toClient("çaç");
  ann.toBackend(Uint8Array.of(1));
  ann.close();
  equal(bench.log[0].text, JSON.stringify([["to-backend", "text", 5, "çaç"], ["to-client", "text", 5, undefined], ["to-backend", "binary", 1, undefined]]));
});

test("what is called out for is answered, whatever comes of it", () => {
  does.onHandshake = () => Admission.callOut({ method: "POST", url: "http://auth/", body: "ann", headers: { "X-A": "1" }, timeoutMs: 50 });
  does.onHandshakeAnswer = (_, handshake, { response, error }) =>
    response?.ok ? Admission.accept : Admission.refuse(response?.status ?? 503, { body: `${error} at ${handshake.path}` });
  does.onMessage = () => Verdict.callOut({ url: "http://moderation/" });
  does.onMessageAnswer = (_, message, { response }) => Verdict.replace(`${message.text} ${response.text} ${response.header("X-B")}`);
  does.onTimer = () => Reaction.callOut({ url: "http://later/" });
  does.onAnswer = (_, { error }) => Reaction.send(error);
  const ann = client();
  deepEqual(ann.admission, { callOut: { method: "POST", url: "http://auth/", headers: [{ name: "x-a", value: "1" }], body: "ann", timeoutMs: 50 } });
  deepEqual(ann.answerHandshake({ error: "timeout" }).refuse, { status: 503, headers: [], body: "timeout at /" });
  deepEqual(ann.answerHandshake({ status: 204 }), { accept: true });
  ann.toBackend("hi");
  deepEqual(ann.answerMessage({ body: "ok", headers: [{ name: "x-b", value: "2" }] }), { replace: "hi ok 2" });
  deepEqual(ann.answer({ error: "too-large" }), { send: "too-large" });
});

test("timers are called at their time", () => {
  does.onHandshake = () => {
    current.setTimer(1, 200);
    current.setTimer(2, 100);
    current.setTimer(3, 50);
    current.cancelTimer(3);
  };
  does.onTimer = (_, timer) => (timer === 2 ? Reaction.send("two") : Reaction.close(4000));
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  deepEqual(ann.timers, { 1: 200, 2: 100 });
  deepEqual(bench.advance(200).map(({ timer, answer }) => [timer, answer]), [[2, { send: "two" }], [1, { close: { code: 4000, reason: "" } }]]);
});

test("a limiter says how long to wait, and what is never granted", () => {
  does.constructor = function () {
    this.limiter = new Limiter("l", { tokens: 1, periodMs: 1000, burst: 2 });
  };
  does.onMessage = function () {
    return Verdict.reply([2, 1, 3].map((tokens) => this.limiter.take("k", tokens)).join());
  };
  equal(client().toBackend("x").reply, "0,1000,Infinity");
});

test("a breaker opens, probes and closes, each key for itself", () => {
  does.constructor = function () {
    const settings = { windowMs: 10_000, resultsMin: 2, failurePercent: 50, slowMs: 10, openMs: 1000, probes: 1 };
    this.breaker = new Breaker("b", settings);
  };
  does.onMessage = function (_, { text }) {
    const breaker = this.breaker.keyed("k");
    if (text === "fail") breaker.failure();
    if (text === "slow") breaker.success(10_001);
    if (text === "well") breaker.success(10);
    return Verdict.reply(`${breaker.state} ${breaker.admit()} ${this.breaker.state}`);
  };
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  equal(ann.toBackend("slow").reply, "closed 0 closed");
  equal(ann.toBackend("fail").reply, "open 1000 closed");
  bench.advance(1000);
  equal(ann.toBackend("?").reply, "half-open 0 closed");
  equal(ann.toBackend("?").reply, "half-open 1000 closed");
  equal(ann.toBackend("well").reply, "closed 0 closed");
});

test("the store keeps, adds and forgets", () => {
  does.onMessage = () => {
    store.set("a", "ça", 100);
    return Verdict.reply([store.getText("a"), store.get("b"), store.add("n", 2, 100), store.add("n", -5, 100), store.get("n").length].join());
  };
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  equal(ann.toBackend("x").reply, "ça,,2,-3,8");
  bench.advance(100);
  equal(ann.toBackend("x").reply, "ça,,2,-3,8");
});

test("files, attributes, headers and subprotocols", () => {
  does.onHandshake = () => {
    current.setAttribute("user", "ann");
    current.setAttribute("gone", "x");
    current.removeAttribute("gone");
    current.setUpstreamHeader("X-User", current.attribute("user"));
    current.offerSubprotocols(["v2"]);
    current.defaultSubprotocol("v1");
  };
  does.onMessage = () => Verdict.reply(`${host.readTextFile("keys")} ${host.fileVersion("keys")}`);
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  deepEqual([ann.attributes, ann.upstreamHeaders, ann.subprotocols, ann.defaultSubprotocol], [{ user: "ann" }, { "x-user": "ann" }, ["v2"], "v1"]);
  equal(ann.toBackend("x").reply, "undefined 0");
  bench.setFile("keys", "secret");
  equal(ann.toBackend("x").reply, "secret 1");
});

test("what the host cannot be given is an error, and an error is logged where it was made", () => {
  for (const wrong of [() => current.setTimer(-1, 5), () => current.setTimer(1, 1.5), () => host.count("x", 10n), () => store.add("k", 2 ** 60, 1), () => host.info(7), () => Verdict.replace(7), () => Verdict.close("x")]) {
    does.onMessage = wrong;
    const bench = new Bench(Puppet);
    throws(() => bench.connect().toBackend("x"), /RangeError|TypeError/);
    match(bench.log[0].text, /^onMessage: (Range|Type)Error: .*\n.*filter\.test\.js/s);
  }
});

test("a filter cannot wait", () => {
  does.onMessage = async () => Verdict.drop;
  throws(() => client().toBackend("x"), /a promise: a filter cannot wait/);
});

test("what a filter does not restore is opened again", () => {
  does.snapshot = () => "old";
  does.restore = () => {
    throw new Error("unknown");
  };
  does.onReopen = (session) => void session.seen.push("again");
  does.onMessage = ({ seen }) => Verdict.reply(seen.join());
  const bench = new Bench(Puppet);
  const ann = bench.connect();
  deepEqual(bench.reload(), ["unknown"]);
  equal(ann.toBackend("x").reply, "again");
});
