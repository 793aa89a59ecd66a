// word-guard: masks words in what clients say, minds who says them, and closes who goes on. The same filter stands in
// examples/filters in every language; sdk/conformance/word-guard.yaml judges them all.

import { Admission, ConfigError, Filter, Limiter, Verdict, component, current, fields, host, store } from "belay-filter";
import type { Handshake, Message } from "belay-filter";
import { masker } from "./mask.js";

/** How long strikes are remembered in the store, across sessions of one name. */
const STRIKES_TTL_MS = 3_600_000;
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008;

/** What is kept of a session. */
interface Speaker {
  user: string;
  peerAddress: string;
  strikes: number;
}

export class WordGuard extends Filter<Speaker> {
  readonly #noticeAfter: number;
  readonly #closeAfter: number;
  readonly #mask: ReturnType<typeof masker>;
  readonly #messages: Limiter;

  constructor(config: unknown) {
    super();
    const { words, notice_after, close_after, per_minute } = fields(config, {
      words: readWords,
      notice_after: fields.count(3),
      close_after: fields.count(10),
      per_minute: fields.count(600),
    });
    this.#noticeAfter = notice_after;
    this.#closeAfter = close_after;
    this.#mask = masker(words);
    this.#messages = new Limiter("messages", { tokens: per_minute, periodMs: 60_000, burst: per_minute });
  }

  get subscription() {
    return { toBackend: "whole", events: ["handshake"] } as const;
  }

  newSession(): Speaker {
    return { user: "", peerAddress: "", strikes: 0 };
  }

  onHandshake(speaker: Speaker, handshake: Handshake) {
    Object.assign(speaker, speakerOf(handshake));
    if (speaker.user === "") {
      const body = "word-guard: say who you are: ?name=…\n";
      return Admission.refuse(400, { body, headers: { "content-type": "text/plain" } });
    }
    current.setAttribute("user", speaker.user);
    current.setUpstreamHeader("x-user", speaker.user);
  }

  onReopen(speaker: Speaker, handshake: Handshake) {
    Object.assign(speaker, speakerOf(handshake));
  }

  onMessage(speaker: Speaker, message: Message) {
    if (message.text === undefined) return;
    if (!this.#messages.tryTake(speaker.peerAddress)) return Verdict.reply("word-guard: too many messages");
    const { masked, found } = this.#mask(message.text);
    if (found === 0) return;
    speaker.strikes += 1;
    host.count("masked", found);
    const total = store.add(`strikes:${speaker.user}`, 1, STRIKES_TTL_MS);
    if (speaker.strikes === this.#closeAfter) {
      host.info(`word-guard: closing ${speaker.user}`);
      return Verdict.close(POLICY_VIOLATION, "word-guard: too many words");
    }
    if (speaker.strikes === this.#noticeAfter) {
      return Verdict.reply(`word-guard: mind your words, ${speaker.user} (${total} so far)`);
    }
    return Verdict.replace(masked);
  }

  snapshot({ strikes }: Speaker) {
    if (strikes === 0) return;
    const state = new Uint8Array(4);
    new DataView(state.buffer).setUint32(0, strikes, true);
    return state;
  }

  restore(handshake: Handshake, state: Uint8Array): Speaker {
    if (state.length !== 4) throw new Error(`word-guard: 4 bytes of state, not ${state.length}`);
    const strikes = new DataView(state.buffer, state.byteOffset).getUint32(0, true);
    return { ...speakerOf(handshake), strikes };
  }
}

function readWords(value: unknown): string[] {
  const words = fields.list(fields.text())(value);
  if (words.length === 0) throw new ConfigError("one word at least");
  if (!words.every((word) => /^[\x00-\x7f]+$/.test(word))) throw new ConfigError("words of ASCII, and not empty");
  return words;
}

/** A client that has said nothing yet. It names itself by ?name=…, taken as it stands, or by the header x-name. */
function speakerOf(handshake: Handshake): Speaker {
  const user = handshake.param("name") ?? handshake.header("x-name") ?? "";
  return { user, peerAddress: handshake.peerAddress, strikes: 0 };
}

export const { filter, state } = component(WordGuard);
