package belay

import (
	"errors"
	"unsafe"
)

var (
	errNoState       = errors.New("this filter keeps no state over a reload")
	errNotConfigured = errors.New("not configured")
	errNotExported   = errors.New("the filter is not exported: call belay.Export in an init function of package main")
)

// Runner runs a filter: its configuration, the table of what it keeps of sessions, and each event, by the session's number. It is
// what components and package belaytest call; a filter has no use for it.
type Runner interface {
	// Configure reads the JSON strictly (a field that C does not know is an error; null is read as an empty object) and calls
	// the filter's own function. Its errors name the field.
	Configure(json string) (Subscription, error)
	OnHandshake(session uint32, h *Handshake) Admission
	OnHandshakeAnswer(session uint32, h *Handshake, r *Response, err error) Admission
	OnReopen(session uint32, h *Handshake)
	OnMessage(session uint32, m *Incoming) Verdict
	OnMessageAnswer(session uint32, m *Incoming, r *Response, err error) Verdict
	OnUpstream(session uint32, e UpstreamEvent) Reaction
	OnHeartbeat(session uint32, d Direction) Reaction
	OnTimer(session uint32, timer uint32) Reaction
	OnAnswer(session uint32, r *Response, err error) Reaction
	OnClose(session uint32, reason Close)
	Snapshot(session uint32) []byte
	Restore(session uint32, h *Handshake, state []byte) error
}

// NewRunner makes a Runner of what is given to [Export].
func NewRunner[C, S any](configure func(C) (Filter[S], error)) Runner {
	return &runner[C, S]{configure: configure}
}

type runner[C, S any] struct {
	configure func(C) (Filter[S], error)
	filter    Filter[S]
	// By the session's number, which the host keeps dense.
	sessions []*S
	// The one state of all sessions, if S has size zero: nothing needs to tell when they end.
	none S
}

func (r *runner[C, S]) stateless() bool { return unsafe.Sizeof(r.none) == 0 }

// find gives what is kept of a session, new if it is new.
func (r *runner[C, S]) find(session uint32) *S {
	if r.stateless() {
		return &r.none
	}
	for int(session) >= len(r.sessions) {
		r.sessions = append(r.sessions, nil)
	}
	if r.sessions[session] == nil {
		r.sessions[session] = new(S)
	}
	return r.sessions[session]
}

// begin gives a session that nothing is known of.
func (r *runner[C, S]) begin(session uint32) *S {
	r.forget(session)
	return r.find(session)
}

func (r *runner[C, S]) forget(session uint32) {
	if int(session) < len(r.sessions) {
		r.sessions[session] = nil
	}
}

func (r *runner[C, S]) Configure(json string) (Subscription, error) {
	var config C
	if err := readConfig(json, &config); err != nil {
		return Subscription{}, err
	}
	filter, err := r.configure(config)
	if err != nil {
		return Subscription{}, err
	}
	r.filter = filter
	subscription := filter.Subscription()
	if !r.stateless() {
		// Without OnClose the states of sessions that are over would stay.
		subscription.Close = true
	}
	return subscription, nil
}

func (r *runner[C, S]) OnHandshake(session uint32, h *Handshake) Admission {
	return r.filter.OnHandshake(r.begin(session), h)
}

func (r *runner[C, S]) OnHandshakeAnswer(session uint32, h *Handshake, response *Response, err error) Admission {
	return r.filter.OnHandshakeAnswer(r.find(session), h, response, err)
}

func (r *runner[C, S]) OnReopen(session uint32, h *Handshake) {
	r.filter.OnReopen(r.begin(session), h)
}

func (r *runner[C, S]) OnMessage(session uint32, m *Incoming) Verdict {
	return r.filter.OnMessage(r.find(session), m)
}

func (r *runner[C, S]) OnMessageAnswer(session uint32, m *Incoming, response *Response, err error) Verdict {
	return r.filter.OnMessageAnswer(r.find(session), m, response, err)
}

func (r *runner[C, S]) OnUpstream(session uint32, e UpstreamEvent) Reaction {
	return r.filter.OnUpstream(r.find(session), e)
}

func (r *runner[C, S]) OnHeartbeat(session uint32, d Direction) Reaction {
	return r.filter.OnHeartbeat(r.find(session), d)
}

func (r *runner[C, S]) OnTimer(session uint32, timer uint32) Reaction {
	return r.filter.OnTimer(r.find(session), timer)
}

func (r *runner[C, S]) OnAnswer(session uint32, response *Response, err error) Reaction {
	return r.filter.OnAnswer(r.find(session), response, err)
}

func (r *runner[C, S]) OnClose(session uint32, reason Close) {
	s := r.find(session)
	r.forget(session)
	r.filter.OnClose(s, reason)
}

func (r *runner[C, S]) Snapshot(session uint32) []byte {
	if r.filter == nil || (!r.stateless() && (int(session) >= len(r.sessions) || r.sessions[session] == nil)) {
		return nil
	}
	return r.filter.Snapshot(r.find(session))
}

func (r *runner[C, S]) Restore(session uint32, h *Handshake, state []byte) error {
	if r.filter == nil {
		return errNotConfigured
	}
	err := r.filter.Restore(r.begin(session), h, state)
	if err != nil {
		r.forget(session)
	}
	return err
}
