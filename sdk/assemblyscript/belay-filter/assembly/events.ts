// What events carry.

import { free, takeBytes, takeText, textAt } from "./abi";

/** Where a message is going. */
export enum Direction {
  ToBackend,
  ToClient,
}

export enum MessageKind {
  Text,
  Binary,
}

export class Header {
  constructor(
    /** Lower case. */
    public name: string,
    public value: string,
  ) {}
}

function headersAt(at: usize): Header[] {
  const list = load<usize>(at);
  const length = load<u32>(at, 4);
  const headers = new Array<Header>(0);
  for (let i: u32 = 0; i < length; i++) headers.push(new Header(textAt(list + i * 16), textAt(list + i * 16 + 8)));
  free(list, length);
  return headers;
}

function find(headers: Header[], name: string): string | null {
  const lower = name.toLowerCase();
  for (let i = 0; i < headers.length; i++) if (headers[i].name == lower) return headers[i].value;
  return null;
}

/** What the client asked for when it connected. */
export class Handshake {
  /** Stable for the life of the session, and what the backend sees as `Belay-Session`. */
  sessionId: string;
  /** The name of the route that matched. */
  route: string;
  /** The client's IP address, without port. */
  peerAddress: string;
  peerPort: u16;
  /** The Host header, empty if there was none. */
  host: string;
  path: string;
  /** Without the question mark. */
  query: string;
  headers: Header[];
  /** What the client offers in Sec-WebSocket-Protocol, in its order. */
  subprotocols: string[];

  /** From the canonical ABI's record of 68 bytes, taken over. */
  constructor(at: usize) {
    this.sessionId = textAt(at);
    this.route = textAt(at + 8);
    this.peerAddress = textAt(at + 16);
    this.peerPort = load<u16>(at, 24);
    this.host = textAt(at + 28);
    this.path = textAt(at + 36);
    this.query = textAt(at + 44);
    this.headers = headersAt(at + 52);
    this.subprotocols = new Array<string>(0);
    const list = load<usize>(at, 60);
    const length = load<u32>(at, 64);
    for (let i: u32 = 0; i < length; i++) this.subprotocols.push(textAt(list + i * 8));
    free(list, length);
  }

  /** The first header of this name, in any case, or null. */
  header(name: string): string | null {
    return find(this.headers, name);
  }

  /** The first query parameter of this name, as it is written, or null. */
  param(name: string): string | null {
    const start = name + "=";
    const pairs = this.query.split("&");
    for (let i = 0; i < pairs.length; i++) if (pairs[i].startsWith(start)) return pairs[i].substring(start.length);
    return null;
  }
}

/** A message on its way, as much of it as was subscribed to. */
export class Message {
  constructor(
    public direction: Direction,
    public kind: MessageKind,
    /** Its own length in bytes. */
    public size: u32,
    public payload: Uint8Array,
  ) {}

  /** The payload of a text message, decoded at each call. Null if binary, or if a prefix has cut a character in two. */
  text(): string | null {
    if (this.kind == MessageKind.Binary || isCut(this.payload)) return null;
    return String.UTF8.decodeUnsafe(this.payload.dataStart, this.payload.length);
  }
}

/** Whether UTF-8 ends within a character. */
function isCut(bytes: Uint8Array): bool {
  for (let back = 1; back <= min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return false;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2);
  }
  return false;
}

export enum UpstreamKind {
  Connected,
  Failed,
  Lost,
  Latency,
}

/** What became of a session's upstream. */
export class UpstreamEvent {
  constructor(
    public kind: UpstreamKind,
    /** How long connecting took, or the backend to prove that it has read; 0 for the others. */
    public micros: u64,
  ) {}
}

/** How a session was closed. */
export class CloseReason {
  constructor(
    public code: u16,
    public reason: string,
  ) {}
}

/** What became of a callout. */
export enum Outcome {
  /** The service answered, whatever the status. */
  Answered = -1,
  /** The YAML does not allow this origin, or HTTP not this request. Nothing was sent. */
  Forbidden,
  /** Too many are under way, or this event has asked too often. Nothing was sent. */
  Busy,
  /** No answer in time. It may have been heard. */
  Timeout,
  /** No connection, or one that was lost before all of the answer was there. */
  Unreachable,
  /** The answer is longer than allowed. */
  TooLarge,
}

/** The answer to a callout. All but `outcome` is empty unless that is `Answered`. */
export class Answer {
  status: u16 = 0;
  headers: Header[] = [];
  body: Uint8Array = new Uint8Array(0);

  constructor(public outcome: Outcome) {}

  /** From the flattened result, taken over. */
  static flat(failed: u32, status: u32, headersAt_: usize, headers: u32, bodyAt: usize, body: u32): Answer {
    if (failed) return new Answer(<Outcome>status);
    const answer = new Answer(Outcome.Answered);
    answer.status = <u16>status;
    store<usize>(FLAT, headersAt_);
    store<u32>(FLAT, headers, 4);
    answer.headers = headersAt(FLAT);
    answer.body = takeBytes(bodyAt, body);
    return answer;
  }

  /** From the canonical ABI's result of 24 bytes, taken over. */
  static at(at: usize): Answer {
    const status: u32 = load<u8>(at) ? load<u8>(at, 4) : load<u16>(at, 4);
    return Answer.flat(load<u8>(at), status, load<usize>(at, 8), load<u32>(at, 12), load<usize>(at, 16), load<u32>(at, 20));
  }

  /** Answered with 200 to 299. */
  ok(): bool {
    return this.outcome == Outcome.Answered && this.status >= 200 && this.status < 300;
  }

  /** The first header of this name, in any case, or null. */
  header(name: string): string | null {
    return find(this.headers, name);
  }

  /** The body, if it is UTF-8: nobody has looked. */
  text(): string {
    return String.UTF8.decodeUnsafe(this.body.dataStart, this.body.length);
  }
}

const FLAT: usize = memory.data(8, 4);

/** A text, taken over. */
export function closeReason(code: u32, at: usize, size: u32): CloseReason {
  return new CloseReason(<u16>code, takeText(at, size));
}
