import { Filter, Verdict, component, fields, host } from "belay-filter";
import type { Message } from "belay-filter";

/** What is kept of a session. */
interface Session {
  masked: number;
}

/** Takes a word out of what clients say. */
export class MyFilter extends Filter<Session> {
  readonly #word: string;

  constructor(config: unknown) {
    super();
    this.#word = fields(config, { word: fields.text() }).word;
  }

  get subscription() {
    return { toBackend: "whole" } as const;
  }

  newSession(): Session {
    return { masked: 0 };
  }

  onMessage(session: Session, message: Message) {
    const masked = message.text?.replaceAll(this.#word, "***");
    if (masked === undefined || masked === message.text) return;
    session.masked += 1;
    host.count("masked");
    return Verdict.replace(masked);
  }
}

export const { filter, state } = component(MyFilter);
