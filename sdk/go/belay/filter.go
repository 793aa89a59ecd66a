package belay

// Filter is what a filter does. S is what it keeps of each session: made as its zero value when the session is first heard of,
// dropped when it is over; struct{} if nothing. Embed [Defaults] and override what was subscribed to.
type Filter[S any] interface {
	// Subscription says what it wants to hear. Nobody is called for anything else.
	Subscription() Subscription

	// OnHandshake is asked whether a client may come in: [Accept], [Refuse] or [CallOut]. Nil accepts.
	OnHandshake(s *S, h *Handshake) Admission

	// OnHandshakeAnswer decides on the same client, once what was asked about it is answered. It may ask again; after four
	// answers that is [ErrBusy]. Of r and err exactly one is nil; err is a [CalloutError].
	OnHandshakeAnswer(s *S, h *Handshake, r *Response, err error) Admission

	// OnReopen tells of a session that was let in before, in an instance that was not there then (the last one trapped, or was
	// replaced). Make of s what the handshake and the session's attributes tell.
	OnReopen(s *S, h *Handshake)

	// OnMessage judges a message on its way. Nil continues. The payload is valid until it returns.
	OnMessage(s *S, m *Incoming) Verdict

	// OnMessageAnswer judges the same message, once what was asked about it is answered, as OnHandshakeAnswer does.
	OnMessageAnswer(s *S, m *Incoming, r *Response, err error) Verdict

	// OnUpstream tells what became of the session's upstream.
	OnUpstream(s *S, e UpstreamEvent) Reaction

	// OnHeartbeat tells of a heartbeat that came in a direction and was answered at the edge.
	OnHeartbeat(s *S, d Direction) Reaction

	// OnTimer tells that a timer of [SetTimer] is due. Needs no subscription.
	OnTimer(s *S, timer uint32) Reaction

	// OnAnswer has the answer to what a reaction asked.
	OnAnswer(s *S, r *Response, err error) Reaction

	// OnClose tells that the session is over, or was not let in after all. Needs no subscription unless S has size zero.
	OnClose(s *S, reason Close)

	// Snapshot gives what is kept of a session when the filter is reloaded, in bytes of its own making, at most 16 KiB; nil if
	// there is nothing to keep. Not within an event: attributes and timers know no session.
	Snapshot(s *S) []byte

	// Restore makes of a zero s what another instance's Snapshot says that it was, within the session's next event, in place
	// of OnReopen. The next version reads what this one wrote. An error is logged, and OnReopen is called with a zero s.
	Restore(s *S, h *Handshake, state []byte) error
}

// Defaults lets everything pass and keeps nothing over a reload. Embed it: a filter has then to write only what it does.
type Defaults[S any] struct{}

// Subscription wants nothing.
func (Defaults[S]) Subscription() Subscription { return Subscription{} }

// OnHandshake accepts.
func (Defaults[S]) OnHandshake(*S, *Handshake) Admission { return Accept{} }

// OnHandshakeAnswer accepts, unless there is no answer.
func (Defaults[S]) OnHandshakeAnswer(_ *S, _ *Handshake, _ *Response, err error) Admission {
	if err != nil {
		return Refuse{Status: 503}
	}
	return Accept{}
}

// OnReopen does nothing.
func (Defaults[S]) OnReopen(*S, *Handshake) {}

// OnMessage continues.
func (Defaults[S]) OnMessage(*S, *Incoming) Verdict { return Continue{} }

// OnMessageAnswer continues, unless there is no answer.
func (Defaults[S]) OnMessageAnswer(_ *S, _ *Incoming, _ *Response, err error) Verdict {
	if err != nil {
		return Close{Code: 1011}
	}
	return Continue{}
}

// OnUpstream does nothing.
func (Defaults[S]) OnUpstream(*S, UpstreamEvent) Reaction { return nil }

// OnHeartbeat does nothing.
func (Defaults[S]) OnHeartbeat(*S, Direction) Reaction { return nil }

// OnTimer does nothing.
func (Defaults[S]) OnTimer(*S, uint32) Reaction { return nil }

// OnAnswer does nothing.
func (Defaults[S]) OnAnswer(*S, *Response, error) Reaction { return nil }

// OnClose does nothing.
func (Defaults[S]) OnClose(*S, Close) {}

// Snapshot has nothing to keep.
func (Defaults[S]) Snapshot(*S) []byte { return nil }

// Restore takes nothing in.
func (Defaults[S]) Restore(*S, *Handshake, []byte) error {
	return errNoState
}

// Export makes a component of a filter: configure is called once, before all else, with the filter's `config` of the YAML in a
// C (see [Runner.Configure] for how it is read). Limiters and breakers are defined there. An error keeps the proxy from
// starting, or the old filter in place, and is shown to whoever wrote the YAML.
//
// Call it once, in an init function: main is never called.
func Export[C, S any](configure func(C) (Filter[S], error)) {
	exported = NewRunner(configure)
}

// exported is what the component's exports talk to.
var exported Runner
