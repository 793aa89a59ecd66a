// Write a filter for Belay in AssemblyScript: a class, and two lines.
//
//     import { Filter, Interest, Message, Session, Subscription, Verdict, bytesOf, serve } from "belay-filter/assembly";
//
//     class Shout extends Filter {
//       subscription(): Subscription {
//         const asked = new Subscription();
//         asked.toBackend = Interest.whole();
//         return asked;
//       }
//       onMessage(session: Session, message: Message): Verdict {
//         const text = message.text();
//         return text == null ? Verdict.pass() : Verdict.replace(bytesOf(text.toUpperCase()));
//       }
//     }
//
//     serve(new Shout());
//     export * from "belay-filter/assembly/exports";
//
// One instance serves many sessions of one worker, one call at a time. A call never blocks.

export { Admission, Reaction, Request, Verdict, bytesOf } from "./answers";
export {
  Answer,
  CloseReason,
  Direction,
  Handshake,
  Header,
  Message,
  MessageKind,
  Outcome,
  UpstreamEvent,
  UpstreamKind,
} from "./events";
export { Filter, Interest, Session, Subscription } from "./filter";
export { Breaker, BreakerSettings, BreakerState, Limiter, current, host, table } from "./host";
export { Json, JsonKind } from "./json";
export { serve } from "./served";
