// What a filter does if it does not say otherwise: let everything pass.

import { Admission, Reaction, Verdict } from "./answers";
import { Answer, CloseReason, Direction, Handshake, Message, UpstreamEvent } from "./events";
import { Json } from "./json";

/** How much of each message a filter wants to see. What it does not ask for is neither called nor copied. */
export class Interest {
  /** The world's variant: its case, and above 32 bits what it holds. */
  private constructor(readonly raw: u64) {}

  static ignore(): Interest {
    return new Interest(0);
  }

  /** The kind and size alone. */
  static size(): Interest {
    return new Interest(1);
  }

  /** At most so many leading bytes. */
  static prefix(bytes: u32): Interest {
    return new Interest(2 | ((<u64>bytes) << 32));
  }

  static whole(): Interest {
    return new Interest(3);
  }
}

/** What a filter wants to hear; by default nothing but a session's end. Timers and answers need no subscription. */
export class Subscription {
  toBackend: Interest = Interest.ignore();
  toClient: Interest = Interest.ignore();
  handshake: bool = false;
  upstream: bool = false;
  heartbeat: bool = false;
  /** Leave it, unless there is nothing to forget of a session. */
  close: bool = true;
}

/** What is kept of a session: extend it. */
export class Session {}

/**
 * A filter: extend it, and override what was subscribed to. An error (`throw`, a failed `assert`, an index out of range)
 * is logged with its place, and costs what a trap costs: the instance with all of its sessions' state.
 */
export class Filter {
  /**
   * Called once, before all else, with the YAML's `config`. Limiters and breakers are made here. A text is an error: it keeps
   * the proxy from starting, or the old filter in place, and is shown to whoever wrote the YAML.
   */
  configure(config: Json): string | null {
    return null;
  }

  subscription(): Subscription {
    return new Subscription();
  }

  /** What is kept of a session, made when it is first heard of, and handed to every method. */
  newSession(): Session {
    return new Session();
  }

  /** A client asks to be let in. */
  onHandshake(session: Session, handshake: Handshake): Admission {
    return Admission.accept();
  }

  /** The same client, and the answer to what was asked about it. After four answers a call-out is `Busy`. */
  onHandshakeAnswer(session: Session, handshake: Handshake, answer: Answer): Admission {
    return Admission.accept();
  }

  /** A session that was let in before, in an instance that was not there then. */
  onReopen(session: Session, handshake: Handshake): void {}

  onMessage(session: Session, message: Message): Verdict {
    return Verdict.pass();
  }

  /** The same message, and the answer to what was asked about it. After four answers a call-out is `Busy`. */
  onMessageAnswer(session: Session, message: Message, answer: Answer): Verdict {
    return Verdict.pass();
  }

  onUpstream(session: Session, event: UpstreamEvent): Reaction {
    return Reaction.none();
  }

  /** A heartbeat that came in this direction was answered at the edge. */
  onHeartbeat(session: Session, direction: Direction): Reaction {
    return Reaction.none();
  }

  onTimer(session: Session, timer: u32): Reaction {
    return Reaction.none();
  }

  /** The answer to what a reaction asked. */
  onAnswer(session: Session, answer: Answer): Reaction {
    return Reaction.none();
  }

  /** The session is over, or was not let in after all. */
  onClose(session: Session, reason: CloseReason): void {}

  /** What is kept of a session for the instance that takes this one's place, at most 16 KiB. Not in an event. */
  snapshot(session: Session): Uint8Array | null {
    return null;
  }

  /**
   * In place of `onReopen`: makes a new session what another instance's `snapshot` says that it was. A text is an error: the
   * session is opened again.
   */
  restore(session: Session, handshake: Handshake, state: Uint8Array): string | null {
    return "this filter carries no state over";
  }
}
