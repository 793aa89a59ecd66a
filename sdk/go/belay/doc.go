// Package belay is for writing filters for the proxy Belay in Go: one interface ([Filter]), one call ([Export]).
//
// A filter is told of what happens to sessions (a client asks to be let in, a message passes, the backend is lost) and answers
// each with a verdict. This one takes rude words out of what clients say, and lets nobody say too much of them:
//
//	package main
//
//	import (
//		"bytes"
//
//		"github.com/belay-proxy/belay/sdk/go/belay"
//	)
//
//	type config struct {
//		Word    string `json:"word"`
//		Strikes int    `json:"strikes"`
//	}
//
//	// What is kept of each session.
//	type session struct{ rude int }
//
//	type mask struct {
//		belay.Defaults[session]
//		config
//	}
//
//	func newMask(c config) (belay.Filter[session], error) {
//		if c.Word == "" {
//			return nil, belay.FieldError("word", "a word is wanted")
//		}
//		return &mask{config: c}, nil
//	}
//
//	func (m *mask) Subscription() belay.Subscription {
//		return belay.Subscription{ToBackend: belay.Whole}
//	}
//
//	func (m *mask) OnMessage(s *session, in *belay.Incoming) belay.Verdict {
//		if !bytes.Contains(in.Payload, []byte(m.Word)) {
//			return belay.Continue{}
//		}
//		if s.rude++; s.rude > m.Strikes {
//			return belay.Close{Code: 1008, Reason: "mind your language"}
//		}
//		return belay.Replace(bytes.ReplaceAll(in.Payload, []byte(m.Word), []byte("***")))
//	}
//
//	func init() { belay.Export(newMask) }
//	func main() {}
//
// One instance serves many sessions of one worker, one call at a time, so that nothing needs a lock. A call never blocks and
// has a deadline (10 ms unless the YAML says otherwise): no goroutine, sleep or channel that waits for a later event. What must
// be shared between workers, or survive a trap, belongs to the host: [Limiter], [Breaker], [StoreGet], and attributes
// ([Attribute]). What is to survive a reload alone is [Filter.Snapshot]'s. A panic traps: its text and its stack are in the
// proxy's log, the event fails as the filter's `on_failure` says, and a new instance takes over.
//
// Built for anything but wasm, all of these talk to the fake host of package belaytest, so a filter has ordinary unit tests.
package belay
