// word-guard: masks words in what clients say, minds who says them, and closes who goes on. The same filter stands in
// examples/filters in every language; sdk/conformance/word-guard.yaml judges them all.

import {
  Admission,
  Filter,
  Handshake,
  Header,
  Interest,
  Json,
  Limiter,
  Message,
  MessageKind,
  Session,
  Subscription,
  Verdict,
  current,
  host,
  serve,
  table,
} from "belay-filter/assembly";
import { Config } from "./config";
import { found, mask } from "./mask";

/** How long strikes are remembered in the host's table, across sessions of one name. */
const STRIKES_TTL_MS: u64 = 3_600_000;
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION: u16 = 1008;

class Speaker extends Session {
  user: string = "";
  peerAddress: string = "";
  strikes: u32 = 0;

  /** It names itself by ?name=…, taken as it stands, or by the header x-name. */
  introduce(handshake: Handshake): void {
    const named = handshake.param("name");
    const header = handshake.header("x-name");
    this.user = named != null ? named : header != null ? header : "";
    this.peerAddress = handshake.peerAddress;
  }
}

class WordGuard extends Filter {
  private config: Config | null = null;
  private messages: Limiter | null = null;

  configure(json: Json): string | null {
    const config = new Config(json);
    if (config.complaint != null) return config.complaint;
    this.config = config;
    this.messages = new Limiter("messages", config.perMinute, 60_000, config.perMinute);
    return null;
  }

  subscription(): Subscription {
    const asked = new Subscription();
    asked.toBackend = Interest.whole();
    asked.handshake = true;
    return asked;
  }

  newSession(): Session {
    return new Speaker();
  }

  onHandshake(session: Session, handshake: Handshake): Admission {
    const speaker = <Speaker>session;
    speaker.introduce(handshake);
    if (speaker.user == "") {
      return Admission.refuse(400, "word-guard: say who you are: ?name=…\n", [new Header("content-type", "text/plain")]);
    }
    current.setAttribute("user", speaker.user);
    current.setUpstreamHeader("x-user", speaker.user);
    return Admission.accept();
  }

  onReopen(session: Session, handshake: Handshake): void {
    (<Speaker>session).introduce(handshake);
  }

  onMessage(session: Session, message: Message): Verdict {
    if (message.kind == MessageKind.Binary) return Verdict.pass();
    const speaker = <Speaker>session;
    if (this.messages!.take(speaker.peerAddress) > 0) return Verdict.reply("word-guard: too many messages");
    mask(message.payload, this.config!.words);
    if (found == 0) return Verdict.pass();
    speaker.strikes++;
    host.count("masked", found);
    const total = table.add("strikes:" + speaker.user, 1, STRIKES_TTL_MS);
    if (speaker.strikes == this.config!.closeAfter) {
      host.info("word-guard: closing " + speaker.user);
      return Verdict.close(POLICY_VIOLATION, "word-guard: too many words");
    }
    if (speaker.strikes == this.config!.noticeAfter) {
      return Verdict.reply("word-guard: mind your words, " + speaker.user + " (" + total.toString() + " so far)");
    }
    return Verdict.replace(message.payload);
  }

  snapshot(session: Session): Uint8Array | null {
    const strikes = (<Speaker>session).strikes;
    if (strikes == 0) return null;
    const state = new Uint8Array(4);
    store<u32>(state.dataStart, strikes);
    return state;
  }

  restore(session: Session, handshake: Handshake, state: Uint8Array): string | null {
    if (state.length != 4) return "word-guard: 4 bytes of state, not " + state.length.toString();
    const speaker = <Speaker>session;
    speaker.introduce(handshake);
    speaker.strikes = load<u32>(state.dataStart);
    return null;
  }
}

serve(new WordGuard());
export * from "belay-filter/assembly/exports";
