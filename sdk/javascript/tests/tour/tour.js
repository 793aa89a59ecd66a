// Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.

import { Admission, Breaker, Filter, Limiter, Reaction, Verdict, component, current, host, store } from "belay-filter";

const SAVED_TTL_MS = 60_000;

class Tour extends Filter {
  #breaker = new Breaker("backend", { windowMs: 60_000, resultsMin: 2, failurePercent: 50, openMs: 10_000, probes: 1 });
  #limiter = new Limiter("takes", { tokens: 2, periodMs: 1000, burst: 2 });
  #fileVersion = 0;
  #since;

  get subscription() {
    return { toBackend: "whole", toClient: { prefix: 8 }, events: ["handshake", "upstream", "heartbeat", "close"] };
  }

  onHandshake(_, handshake) {
    switch (handshake.path) {
      case "/refuse":
        return Admission.refuse(403, { headers: { "x-tour": "no" }, body: "not here" });
      case "/ask": {
        const authorization = handshake.header("authorization");
        const headers = authorization === undefined ? {} : { authorization };
        return Admission.callOut({ url: `http://auth.test/check?${handshake.query}`, headers, timeoutMs: 1500 });
      }
      case "/protocols":
        current.offerSubprotocols(handshake.subprotocols.map((name) => `tour.${name}`).reverse());
        current.defaultSubprotocol("tour");
    }
  }

  onHandshakeAnswer(_, handshake, { response, error }) {
    if (error) return Admission.refuse(503, { body: error });
    if (response.status === 307) return Admission.callOut({ url: "http://auth.test/again" });
    if (response.status !== 200) return Admission.refuse(response.status);
    const name = response.header("x-name");
    if (name === undefined) return;
    const who = `${name} ${response.text}`;
    current.setAttribute("who", who);
    current.setUpstreamHeader("x-who", who);
  }

  onMessage(_, message) {
    if (message.direction === "to-client") return this.#fromBackend(message);
    if (message.kind === "binary") return Verdict.replace(message.payload.reverse());
    const [word, rest] = message.text.split(/ (.*)/s);
    switch (message.text) {
      case "remember":
        return Verdict.remember;
      case "drop":
        return Verdict.drop;
      case "binary":
        return Verdict.reply(Uint8Array.of(0, 1, 255));
      case "beat":
        return Verdict.heartbeat();
      case "ping":
        return Verdict.heartbeat("pong");
      case "empty":
        return Verdict.replace("");
      case "bye":
        return Verdict.close(4000, "bye");
      case "trap":
        throw new Error("as it was told");
      case "ask": {
        const headers = { "content-type": "text/plain" };
        return Verdict.callOut({ method: "POST", url: "http://judge.test/", headers, body: message.text, timeoutMs: 250 });
      }
      case "timers":
        for (const [timer, afterMs] of [[1, 5000], [2, 10_000], [3, 1000], [3, 20_000]]) current.setTimer(timer, afterMs);
        return;
      case "cancel":
        return current.cancelTimer(2);
      case "forget":
        return current.removeAttribute("who");
      case "lose":
        store.remove("saved");
        return Verdict.drop;
    }
    if (word === "be") return current.setAttribute("who", rest);
    if (word === "save") return store.set("saved", rest, SAVED_TTL_MS) ? Verdict.drop : Verdict.reply("full");
    const said = this.#askHost(message.text);
    return typeof said === "string" ? Verdict.reply(said) : said;
  }

  #askHost(what) {
    const granted = (waitMs) => (waitMs === 0 ? "yes" : `in ${waitMs}`);
    switch (what) {
      case "who":
        return current.attribute("who") ?? "nobody";
      case "load":
        return store.getText("saved") ?? "nothing";
      case "breaker":
        return this.#breaker.state;
      case "other breaker":
        return this.#breaker.keyed("other").state;
      case "admit":
        return granted(this.#breaker.admit());
      case "take":
        return granted(this.#limiter.take("key"));
      case "file":
        this.#fileVersion = host.fileVersion("greeting");
        return host.readTextFile("greeting") ?? "no file";
      case "same file":
        return host.fileVersion("greeting") === this.#fileVersion ? "yes" : "no";
      case "clock":
        return String(Date.now());
      case "since": {
        const passed = this.#since === undefined ? 0 : host.nowMs() - this.#since;
        this.#since = host.nowMs();
        return String(passed);
      }
      case "dice":
        return String(host.random() * 2 ** 64);
      case "log":
        host.debug("one");
        host.info("two");
        console.warn("three ç…");
        host.error("four");
        host.count("logged", 4);
        return Verdict.drop;
    }
  }

  #fromBackend(message) {
    if (message.text === "secret") return Verdict.drop;
    if (message.size > 8) return Verdict.reply(`${message.text} of ${message.size}`);
  }

  onMessageAnswer(_, message, { response, error }) {
    if (error) return Verdict.reply(error);
    return response.ok ? Verdict.replace(response.body) : Verdict.drop;
  }

  onUpstream(_, { kind, micros }) {
    switch (kind) {
      case "connected":
        return this.#breaker.success(micros);
      case "failed":
        return this.#breaker.failure();
      case "lost":
        return Reaction.send("lost");
      case "latency":
        return Reaction.callOut({ url: `http://metrics.test/latency/${micros}` });
    }
  }

  onHeartbeat(_, direction) {
    if (direction === "to-backend") return Reaction.send(Uint8Array.of(7));
  }

  onTimer(_, timer) {
    return timer === 3 ? Reaction.close(4002, "timer 3") : Reaction.send(`timer ${timer}`);
  }

  onAnswer(_, { response, error }) {
    return error ? Reaction.close(4001, error) : Reaction.send(`answered ${response.status}`);
  }
}

export const { filter, state } = component(Tour);
