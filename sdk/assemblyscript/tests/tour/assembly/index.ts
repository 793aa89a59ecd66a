// Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.

import {
  Admission,
  Answer,
  Breaker,
  BreakerSettings,
  BreakerState,
  Direction,
  Filter,
  Handshake,
  Header,
  Interest,
  Json,
  Limiter,
  Message,
  MessageKind,
  Outcome,
  Reaction,
  Request,
  Session,
  Subscription,
  UpstreamEvent,
  UpstreamKind,
  Verdict,
  bytesOf,
  current,
  host,
  serve,
  table,
} from "belay-filter/assembly";

const SAVED_TTL_MS: u64 = 60_000;
const ERRORS = ["forbidden", "busy", "timeout", "unreachable", "too-large"];

function textOf(bytes: Uint8Array | null, otherwise: string): string {
  return bytes == null ? otherwise : String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
}

function stateOf(breaker: Breaker): string {
  const state = breaker.state();
  return state == BreakerState.Closed ? "closed" : state == BreakerState.Open ? "open" : "half-open";
}

function granted(waitMs: u64): string {
  return waitMs == 0 ? "yes" : "in " + waitMs.toString();
}

class Tour extends Filter {
  private breaker: Breaker | null = null;
  private limiter: Limiter | null = null;
  private fileVersion: u64 = 0;
  private since: u64 = 0;

  configure(config: Json): string | null {
    const settings = new BreakerSettings();
    settings.windowMs = 60_000;
    settings.resultsMin = 2;
    settings.openMs = 10_000;
    this.breaker = Breaker.define("backend", settings);
    this.limiter = new Limiter("takes", 2, 1000, 2);
    return null;
  }

  subscription(): Subscription {
    const asked = new Subscription();
    asked.toBackend = Interest.whole();
    asked.toClient = Interest.prefix(8);
    asked.handshake = true;
    asked.upstream = true;
    asked.heartbeat = true;
    return asked;
  }

  onHandshake(session: Session, handshake: Handshake): Admission {
    if (handshake.path == "/refuse") return Admission.refuse(403, "not here", [new Header("x-tour", "no")]);
    if (handshake.path == "/ask") {
      const request = new Request("http://auth.test/check?" + handshake.query);
      const token = handshake.header("authorization");
      if (token != null) request.headers.push(new Header("authorization", token));
      request.timeoutMs = 1500;
      return Admission.callOut(request);
    }
    if (handshake.path == "/protocols") {
      current.offerSubprotocols(handshake.subprotocols.map<string>((name) => "tour." + name).reverse());
      current.defaultSubprotocol("tour");
    }
    return Admission.accept();
  }

  onHandshakeAnswer(session: Session, handshake: Handshake, answer: Answer): Admission {
    if (answer.outcome != Outcome.Answered) return Admission.refuse(503, ERRORS[answer.outcome]);
    if (answer.status == 307) return Admission.callOut(new Request("http://auth.test/again"));
    if (answer.status != 200) return Admission.refuse(answer.status);
    const name = answer.header("x-name");
    if (name != null) {
      const who = name + " " + answer.text();
      current.setAttribute("who", who);
      current.setUpstreamHeader("x-who", who);
    }
    return Admission.accept();
  }

  onMessage(session: Session, message: Message): Verdict {
    if (message.direction == Direction.ToClient) return this.fromBackend(message);
    if (message.kind == MessageKind.Binary) return Verdict.replace(message.payload.reverse());
    return this.obey(message.text()!, message);
  }

  private fromBackend(message: Message): Verdict {
    const text = message.text()!;
    if (text == "secret") return Verdict.drop();
    return message.size > 8 ? Verdict.reply(text + " of " + message.size.toString()) : Verdict.pass();
  }

  private obey(text: string, message: Message): Verdict {
    if (text == "remember") return Verdict.remember();
    if (text == "drop") return Verdict.drop();
    if (text == "beat") return Verdict.heartbeat();
    if (text == "ping") return Verdict.heartbeat(bytesOf("pong"));
    if (text == "empty") return Verdict.replace(new Uint8Array(0));
    if (text == "bye") return Verdict.close(4000, "bye");
    if (text == "trap") throw new Error("as it was told");
    if (text == "binary") {
      const bytes = new Uint8Array(3);
      bytes[1] = 1;
      bytes[2] = 255;
      return Verdict.replyWith(MessageKind.Binary, bytes);
    }
    if (text == "ask") {
      const request = new Request("http://judge.test/");
      request.method = "POST";
      request.headers.push(new Header("content-type", "text/plain"));
      request.body = message.payload;
      request.timeoutMs = 250;
      return Verdict.callOut(request);
    }
    if (text == "lose") {
      table.remove("saved");
      return Verdict.drop();
    }
    if (text.startsWith("save ")) {
      return table.set("saved", bytesOf(text.substring(5)), SAVED_TTL_MS) ? Verdict.drop() : Verdict.reply("full");
    }
    if (text == "log") {
      host.debug("one");
      host.info("two");
      host.warn("three ç…");
      host.error("four");
      host.count("logged", 4);
      return Verdict.drop();
    }
    if (text == "timers") {
      current.setTimer(1, 5000);
      current.setTimer(2, 10_000);
      current.setTimer(3, 1000);
      current.setTimer(3, 20_000);
    } else if (text == "cancel") current.cancelTimer(2);
    else if (text == "forget") current.removeAttribute("who");
    else if (text.startsWith("be ")) current.setAttribute("who", text.substring(3));
    const said = this.askHost(text);
    return said == null ? Verdict.pass() : Verdict.reply(said);
  }

  private askHost(what: string): string | null {
    if (what == "who") {
      const who = current.attribute("who");
      return who == null ? "nobody" : who;
    }
    if (what == "load") return textOf(table.get("saved"), "nothing");
    if (what == "breaker") return stateOf(this.breaker!);
    if (what == "other breaker") return stateOf(this.breaker!.keyed("other"));
    if (what == "admit") return granted(this.breaker!.admit());
    if (what == "take") return granted(this.limiter!.take("key"));
    if (what == "file") {
      this.fileVersion = host.fileVersion("greeting");
      return textOf(host.readFile("greeting"), "no file");
    }
    if (what == "same file") return host.fileVersion("greeting") == this.fileVersion ? "yes" : "no";
    if (what == "clock") return host.unixMs().toString();
    if (what == "since") {
      const before = this.since;
      this.since = host.nowMs();
      return before == 0 ? "0" : (this.since - before).toString();
    }
    if (what == "dice") return host.random().toString();
    return null;
  }

  onMessageAnswer(session: Session, message: Message, answer: Answer): Verdict {
    if (answer.outcome != Outcome.Answered) return Verdict.reply(ERRORS[answer.outcome]);
    return answer.ok() ? Verdict.replace(answer.body) : Verdict.drop();
  }

  onUpstream(session: Session, event: UpstreamEvent): Reaction {
    if (event.kind == UpstreamKind.Connected) this.breaker!.success(event.micros);
    if (event.kind == UpstreamKind.Failed) this.breaker!.failure();
    if (event.kind == UpstreamKind.Lost) return Reaction.send("lost");
    if (event.kind == UpstreamKind.Latency) {
      return Reaction.callOut(new Request("http://metrics.test/latency/" + event.micros.toString()));
    }
    return Reaction.none();
  }

  onHeartbeat(session: Session, direction: Direction): Reaction {
    if (direction == Direction.ToClient) return Reaction.none();
    const bell = new Uint8Array(1);
    bell[0] = 7;
    return Reaction.sendWith(MessageKind.Binary, bell);
  }

  onTimer(session: Session, timer: u32): Reaction {
    return timer == 3 ? Reaction.close(4002, "timer 3") : Reaction.send("timer " + timer.toString());
  }

  onAnswer(session: Session, answer: Answer): Reaction {
    if (answer.outcome != Outcome.Answered) return Reaction.close(4001, ERRORS[answer.outcome]);
    return Reaction.send("answered " + answer.status.toString());
  }
}

serve(new Tour());
export * from "belay-filter/assembly/exports";
