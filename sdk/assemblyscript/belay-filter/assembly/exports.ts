// The world's exports. A filter's entry file says `export * from "belay-filter/assembly/exports"` and hands its filter to
// `serve`. The build gives these functions the names that the world has for them, which are no identifiers: the part before
// the first `_` is the interface, `post_` what is called when the answer has been read.

import {
  release,
  writeAdmission,
  writeComplaint,
  writeReaction,
  writeState,
  writeSubscription,
  writeVerdict,
} from "./answers";
import { realloc, takeBytes, takeText } from "./abi";
import { Answer, Direction, Handshake, Message, MessageKind, UpstreamEvent, UpstreamKind, closeReason } from "./events";
import { Session } from "./filter";
import { Json } from "./json";
import "./environment";
import { served } from "./served";

const sessions = new Map<u32, Session>();

function known(number: u32): Session {
  return sessions.has(number) ? sessions.get(number) : anew(number);
}

function anew(number: u32): Session {
  const session = served().newSession();
  sessions.set(number, session);
  return session;
}

/** A record that the host made for a call of many parameters, to be freed once it is read. */
function handshakeAt(args: usize): Handshake {
  return new Handshake(args + 4);
}

function message(direction: u32, kind: u32, size: u32, at: usize, length: u32): Message {
  return new Message(<Direction>direction, <MessageKind>kind, size, takeBytes(at, length));
}

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  return realloc(old, oldSize, align, size);
}

export function filter_configure(at: usize, size: u32): usize {
  const config = Json.parse(takeText(at, size));
  // The host hands over nothing but JSON; what nests too deep is the exception.
  if (config == null) return writeComplaint("config: it cannot be read");
  const complaint = served().configure(config);
  if (complaint != null) return writeComplaint(complaint);
  const asked = served().subscription();
  const events = <u8>asked.handshake | (<u8>asked.upstream << 1) | (<u8>asked.heartbeat << 2) | (<u8>asked.close << 3);
  return writeSubscription(asked.toBackend.raw, asked.toClient.raw, events);
}

export function filter_on_handshake(args: usize): usize {
  const number = load<u32>(args);
  const handshake = handshakeAt(args);
  heap.free(args);
  return writeAdmission(served().onHandshake(anew(number), handshake));
}

export function filter_on_handshake_answer(args: usize): usize {
  const number = load<u32>(args);
  const handshake = handshakeAt(args);
  const answer = Answer.at(args + 72);
  heap.free(args);
  return writeAdmission(served().onHandshakeAnswer(known(number), handshake, answer));
}

export function filter_on_reopen(args: usize): void {
  const number = load<u32>(args);
  const handshake = handshakeAt(args);
  heap.free(args);
  served().onReopen(anew(number), handshake);
}

export function filter_on_message(number: u32, direction: u32, kind: u32, size: u32, at: usize, length: u32): usize {
  return writeVerdict(served().onMessage(known(number), message(direction, kind, size, at, length)));
}

export function filter_on_message_answer(
  number: u32,
  direction: u32,
  kind: u32,
  size: u32,
  at: usize,
  length: u32,
  failed: u32,
  status: u32,
  headersAt: usize,
  headers: u32,
  bodyAt: usize,
  body: u32,
): usize {
  const answer = Answer.flat(failed, status, headersAt, headers, bodyAt, body);
  return writeVerdict(served().onMessageAnswer(known(number), message(direction, kind, size, at, length), answer));
}

export function filter_on_upstream(number: u32, event: u32, micros: u64): usize {
  return writeReaction(served().onUpstream(known(number), new UpstreamEvent(<UpstreamKind>event, micros)));
}

export function filter_on_heartbeat(number: u32, direction: u32): usize {
  return writeReaction(served().onHeartbeat(known(number), <Direction>direction));
}

export function filter_on_timer(number: u32, timer: u32): usize {
  return writeReaction(served().onTimer(known(number), timer));
}

export function filter_on_answer(
  number: u32,
  failed: u32,
  status: u32,
  headersAt: usize,
  headers: u32,
  bodyAt: usize,
  body: u32,
): usize {
  const answer = Answer.flat(failed, status, headersAt, headers, bodyAt, body);
  return writeReaction(served().onAnswer(known(number), answer));
}

export function filter_on_close(number: u32, code: u32, at: usize, size: u32): void {
  const session = known(number);
  sessions.delete(number);
  served().onClose(session, closeReason(code, at, size));
}

export function state_snapshot(number: u32): usize {
  return writeState(served().snapshot(known(number)));
}

export function state_restore(args: usize): usize {
  const number = load<u32>(args);
  const handshake = handshakeAt(args);
  const state = takeBytes(load<usize>(args, 72), load<u32>(args, 76));
  heap.free(args);
  return writeComplaint(served().restore(anew(number), handshake, state));
}

export function post_filter_configure(answer: usize): void {
  release();
}
export function post_filter_on_handshake(answer: usize): void {
  release();
}
export function post_filter_on_handshake_answer(answer: usize): void {
  release();
}
export function post_filter_on_message(answer: usize): void {
  release();
}
export function post_filter_on_message_answer(answer: usize): void {
  release();
}
export function post_filter_on_upstream(answer: usize): void {
  release();
}
export function post_filter_on_heartbeat(answer: usize): void {
  release();
}
export function post_filter_on_timer(answer: usize): void {
  release();
}
export function post_filter_on_answer(answer: usize): void {
  release();
}
export function post_state_snapshot(answer: usize): void {
  release();
}
export function post_state_restore(answer: usize): void {
  release();
}
