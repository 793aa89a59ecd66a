// What is answered to events, and how it is written for the host.

import { freeAt, putBytes, putText, utf8 } from "./abi";
import { Header, MessageKind } from "./events";

/** A payload of UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.wrap(utf8(text));
}

/** A request to an HTTP service whose origin the YAML lists under this filter's `callouts.allow`. */
export class Request {
  /** Upper case. */
  method: string = "GET";
  /** At most 64. */
  headers: Header[] = [];
  /** At most 1 MiB. */
  body: Uint8Array = new Uint8Array(0);
  /** 0, and more than the YAML's `callouts.timeout`, mean that timeout. */
  timeoutMs: u32 = 0;

  constructor(
    /** Absolute, `http://` or `https://`. */
    public url: string,
  ) {}
}

/** What an answer consists of, whichever kind it is. */
class Answered {
  tag: u8 = 0;
  kind: MessageKind = MessageKind.Binary;
  payload: Uint8Array | null = null;
  code: u16 = 0;
  text: string = "";
  headers: Header[] = [];
  request: Request | null = null;

  protected constructor(tag: u8) {
    this.tag = tag;
  }
}

/** The answer to a client that asks to be let in. */
export class Admission extends Answered {
  static accept(): Admission {
    return new Admission(0);
  }

  /** Not let in, with this HTTP status, 300 to 599. */
  static refuse(status: u16, body: string = "", headers: Header[] = []): Admission {
    const answer = new Admission(1);
    answer.code = status;
    answer.text = body;
    answer.headers = headers;
    return answer;
  }

  /** Ask this first: `onHandshakeAnswer` decides. The client waits. */
  static callOut(request: Request): Admission {
    const answer = new Admission(2);
    answer.request = request;
    return answer;
  }
}

/** The answer to a message. */
export class Verdict extends Answered {
  /** Pass it on as it is. */
  static pass(): Verdict {
    return new Verdict(0);
  }

  /** Pass it on, and say it again first to every later upstream of this session (to the backend only). */
  static remember(): Verdict {
    return new Verdict(1);
  }

  /** Pass this on in its place, as the same kind. */
  static replace(payload: Uint8Array): Verdict {
    const answer = new Verdict(2);
    answer.payload = payload;
    return answer;
  }

  /** Answer its sender with this text, and pass nothing on. */
  static reply(text: string): Verdict {
    return Verdict.replyWith(MessageKind.Text, bytesOf(text));
  }

  static replyWith(kind: MessageKind, payload: Uint8Array): Verdict {
    const answer = new Verdict(3);
    answer.kind = kind;
    answer.payload = payload;
    return answer;
  }

  /** Pass nothing on. */
  static drop(): Verdict {
    return new Verdict(4);
  }

  /** It was a heartbeat: pass nothing on, and answer its sender with this if given. */
  static heartbeat(payload: Uint8Array | null = null, kind: MessageKind = MessageKind.Text): Verdict {
    const answer = new Verdict(5);
    answer.kind = kind;
    answer.payload = payload;
    return answer;
  }

  /** End the session: a code of RFC 6455, section 7.4, that may stand on the wire, and at most 123 bytes of text. */
  static close(code: u16, reason: string = ""): Verdict {
    const answer = new Verdict(6);
    answer.code = code;
    answer.text = reason;
    return answer;
  }

  /** Ask this first: `onMessageAnswer` decides. The session's later messages in this direction wait. */
  static callOut(request: Request): Verdict {
    const answer = new Verdict(7);
    answer.request = request;
    return answer;
  }
}

/** The answer to what is not a message. */
export class Reaction extends Answered {
  static none(): Reaction {
    return new Reaction(0);
  }

  /** Send this text to the client. It does not pass through the chain. */
  static send(text: string): Reaction {
    return Reaction.sendWith(MessageKind.Text, bytesOf(text));
  }

  static sendWith(kind: MessageKind, payload: Uint8Array): Reaction {
    const answer = new Reaction(1);
    answer.kind = kind;
    answer.payload = payload;
    return answer;
  }

  /** End the session. */
  static close(code: u16, reason: string = ""): Reaction {
    const answer = new Reaction(2);
    answer.code = code;
    answer.text = reason;
    return answer;
  }

  /** Ask this, and let everything go on: `onAnswer` hears what came of it. One at a time for a session. */
  static callOut(request: Request): Reaction {
    const answer = new Reaction(3);
    answer.request = request;
    return answer;
  }
}

/** Where exports answer: the largest is a call-out of 40 bytes. One call is answered at a time. */
const AT: usize = memory.data(40, 8);
/** Where texts and lists stand in what was written last; they are freed by `written`'s reader. */
const lists = new Array<usize>(0);
let headersAt: usize = 0;
let headersLength: u32 = 0;

/** Frees what the last answer was made of. */
export function release(): void {
  for (let i = 0; i < lists.length; i++) freeAt(lists[i]);
  lists.length = 0;
  for (let i: u32 = 0; i < headersLength * 2; i++) freeAt(headersAt + i * 8);
  if (headersLength) heap.free(headersAt);
  headersLength = 0;
}

function begin(tag: u8): void {
  memory.fill(AT, 0, 40);
  store<u8>(AT, tag);
}

function text(offset: usize, value: string): void {
  putText(AT + offset, value);
  lists.push(AT + offset);
}

function bytes(offset: usize, value: Uint8Array): void {
  putBytes(AT + offset, value);
  lists.push(AT + offset);
}

function headers(offset: usize, list: Header[]): void {
  headersLength = list.length;
  headersAt = headersLength ? heap.alloc(headersLength * 16) : 4;
  for (let i: u32 = 0; i < headersLength; i++) {
    putText(headersAt + i * 16, list[i].name.toLowerCase());
    putText(headersAt + i * 16 + 8, list[i].value);
  }
  store<usize>(AT + offset, headersAt);
  store<u32>(AT + offset, headersLength, 4);
}

function message(offset: usize, answer: Answered): void {
  store<u8>(AT + offset, <u8>answer.kind);
  bytes(offset + 4, answer.payload!);
}

function reason(answer: Answered): void {
  store<u16>(AT, answer.code, 4);
  text(8, answer.text);
}

function request(asked: Request): void {
  text(4, asked.method);
  text(12, asked.url);
  headers(20, asked.headers);
  bytes(28, asked.body);
  store<u32>(AT, asked.timeoutMs, 36);
}

export function writeAdmission(answer: Admission): usize {
  begin(answer.tag);
  if (answer.tag == 1) {
    store<u16>(AT, answer.code, 4);
    headers(8, answer.headers);
    text(16, answer.text);
  } else if (answer.tag == 2) request(answer.request!);
  return AT;
}

export function writeVerdict(answer: Verdict): usize {
  begin(answer.tag);
  switch (answer.tag) {
    case 2:
      bytes(4, answer.payload!);
      break;
    case 3:
      message(4, answer);
      break;
    case 5:
      if (answer.payload) {
        store<u8>(AT, 1, 4);
        message(8, answer);
      }
      break;
    case 6:
      reason(answer);
      break;
    case 7:
      request(answer.request!);
  }
  return AT;
}

export function writeReaction(answer: Reaction): usize {
  begin(answer.tag);
  switch (answer.tag) {
    case 1:
      message(4, answer);
      break;
    case 2:
      reason(answer);
      break;
    case 3:
      request(answer.request!);
  }
  return AT;
}

/** `result<_, string>`, and the `err` of `configure`. */
export function writeComplaint(complaint: string | null): usize {
  begin(complaint == null ? 0 : 1);
  if (complaint != null) text(4, complaint);
  return AT;
}

/** `option<list<u8>>`. */
export function writeState(state: Uint8Array | null): usize {
  begin(state == null ? 0 : 1);
  if (state != null) bytes(4, state);
  return AT;
}

/** `configure`'s `ok`: two interests, and flags. */
export function writeSubscription(toBackend: u64, toClient: u64, events: u8): usize {
  begin(0);
  store<u8>(AT, <u8>toBackend, 4);
  store<u32>(AT, <u32>(toBackend >> 32), 8);
  store<u8>(AT, <u8>toClient, 12);
  store<u32>(AT, <u32>(toClient >> 32), 16);
  store<u8>(AT, events, 20);
  return AT;
}
