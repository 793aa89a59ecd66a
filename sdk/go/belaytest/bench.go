package belaytest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
	"github.com/belay-proxy/belay/sdk/go/internal/seam"
)

// Bench is a filter at work, as one worker has it.
type Bench struct {
	t            testing.TB
	host         *host
	start        func() belay.Runner
	runner       belay.Runner
	subscription belay.Subscription
}

// Start starts a filter, given as to [belay.Export], with this config (as JSON; `null`: none). A config that is refused fails the
// test.
func Start[C, S any](t testing.TB, configure func(C) (belay.Filter[S], error), config string) *Bench {
	t.Helper()
	bench, err := TryStart(t, configure, config)
	if err != nil {
		t.Fatalf("configure: %v", err)
	}
	return bench
}

// TryStart does the same, and gives the error of a config that is refused.
func TryStart[C, S any](t testing.TB, configure func(C) (belay.Filter[S], error), config string) (*Bench, error) {
	bench := &Bench{t: t, host: newHost(), start: func() belay.Runner { return belay.NewRunner(configure) }}
	return bench, bench.configure(config)
}

// Beside starts another instance in the same host: another worker's, or the one after a trap.
func (b *Bench) Beside(config string) *Bench {
	b.t.Helper()
	beside := &Bench{t: b.t, host: b.host, start: b.start}
	if err := beside.configure(config); err != nil {
		b.t.Fatalf("configure: %v", err)
	}
	return beside
}

func (b *Bench) configure(config string) (err error) {
	b.runner = b.start()
	b.within(nil, func() {
		b.host.configuring = true
		b.subscription, err = b.runner.Configure(config)
		b.host.configuring = false
	})
	return err
}

// Subscription is what the filter subscribed to.
func (b *Bench) Subscription() belay.Subscription { return b.subscription }

// Only one filter is called at a time, as in a worker.
var atWork sync.Mutex

func (b *Bench) within(c *Client, act func()) {
	atWork.Lock()
	defer atWork.Unlock()
	b.host.current = c
	defer func() { b.host.current = nil }()
	seam.Within(b.host, act)
}

// Client is a client and its session.
type Client struct {
	bench     *Bench
	number    uint32
	handshake *belay.Handshake
	facts
	// What a callout is about that has no answer yet.
	waiting *belay.Incoming
}

// To is a handshake with this path and query, all else empty, and headers, each a name and a value.
func To(target string, headers ...[2]string) *belay.Handshake {
	h := &belay.Handshake{Path: target, PeerAddress: "192.0.2.1", SessionID: "session", Route: "chat"}
	for i := range target {
		if target[i] == '?' {
			h.Path, h.Query = target[:i], target[i+1:]
			break
		}
	}
	for _, header := range headers {
		h.Headers = append(h.Headers, belay.Header{Name: header[0], Value: header[1]})
	}
	return h
}

// Connect has a client ask to be let in. Anything but letting it in fails the test.
func (b *Bench) Connect(h *belay.Handshake) *Client {
	b.t.Helper()
	client, admission := b.TryConnect(h)
	if _, accepted := admission.(belay.Accept); !accepted {
		b.t.Fatalf("not let in: %s", describe(admission))
	}
	return client
}

// TryConnect has a client ask to be let in, and gives the answer. If it is a CallOut, [Client.HandshakeAnswer] goes on.
func (b *Bench) TryConnect(h *belay.Handshake) (*Client, belay.Admission) {
	c := &Client{bench: b, handshake: h, facts: newFacts(), number: b.host.freeNumber()}
	b.host.sessions[c.number] = c
	return c, c.admission(func() belay.Admission {
		if !b.subscription.Handshake {
			return belay.Accept{}
		}
		return b.runner.OnHandshake(c.number, h)
	})
}

// HandshakeAnswer answers what was asked about the client: a response, or a [belay.CalloutError].
func (c *Client) HandshakeAnswer(r *belay.Response, err error) belay.Admission {
	return c.admission(func() belay.Admission {
		return c.bench.runner.OnHandshakeAnswer(c.number, c.handshake, r, err)
	})
}

func (c *Client) admission(ask func() belay.Admission) (admission belay.Admission) {
	c.within(func() { admission = ask() })
	switch admission.(type) {
	case nil:
		return belay.Accept{}
	case belay.Refuse:
		c.Closes(1006)
	}
	return admission
}

// Says has the client say this text.
func (c *Client) Says(text string) belay.Verdict {
	return c.Message(belay.ToBackend, belay.TextMessage(text))
}

// Hears has the backend say this text to the client.
func (c *Client) Hears(text string) belay.Verdict {
	return c.Message(belay.ToClient, belay.TextMessage(text))
}

// Message has a message pass. The filter sees as much of it as it subscribed to, in memory that is not to be kept.
func (c *Client) Message(d belay.Direction, m belay.Message) belay.Verdict {
	interest := c.bench.subscription.ToBackend
	if d == belay.ToClient {
		interest = c.bench.subscription.ToClient
	}
	seen, called := interest.Cut(slices.Clone(m.Payload))
	if !called {
		return belay.Continue{}
	}
	c.waiting = &belay.Incoming{Direction: d, Kind: m.Kind, Size: uint32(len(m.Payload)), Payload: seen}
	return c.verdict(func(in *belay.Incoming) belay.Verdict { return c.bench.runner.OnMessage(c.number, in) })
}

// MessageAnswer answers what was asked about the last message.
func (c *Client) MessageAnswer(r *belay.Response, err error) belay.Verdict {
	c.bench.t.Helper()
	if c.waiting == nil {
		c.bench.t.Fatal("no message waits for an answer")
	}
	return c.verdict(func(in *belay.Incoming) belay.Verdict {
		return c.bench.runner.OnMessageAnswer(c.number, in, r, err)
	})
}

func (c *Client) verdict(ask func(*belay.Incoming) belay.Verdict) (verdict belay.Verdict) {
	in := *c.waiting
	in.Payload = slices.Clone(in.Payload)
	c.within(func() { verdict = ask(&in) })
	if replace, replaced := verdict.(belay.Replace); replaced {
		verdict = slices.Clone(replace)
	}
	// The filter that keeps the payload keeps nonsense, as it would in the proxy.
	for i := range in.Payload {
		in.Payload[i] = 0xff
	}
	switch verdict.(type) {
	case nil:
		verdict = belay.Continue{}
	case belay.CallOut:
		return verdict
	}
	c.waiting = nil
	return verdict
}

// Upstream tells what became of the session's upstream.
func (c *Client) Upstream(e belay.UpstreamEvent) belay.Reaction {
	if !c.bench.subscription.Upstream {
		return nil
	}
	return c.reaction(func() belay.Reaction { return c.bench.runner.OnUpstream(c.number, e) })
}

// Heartbeat has a heartbeat answered that came in this direction.
func (c *Client) Heartbeat(d belay.Direction) belay.Reaction {
	if !c.bench.subscription.Heartbeat {
		return nil
	}
	return c.reaction(func() belay.Reaction { return c.bench.runner.OnHeartbeat(c.number, d) })
}

// Answer answers what a reaction asked.
func (c *Client) Answer(r *belay.Response, err error) belay.Reaction {
	return c.reaction(func() belay.Reaction { return c.bench.runner.OnAnswer(c.number, r, err) })
}

func (c *Client) reaction(ask func() belay.Reaction) (reaction belay.Reaction) {
	c.within(func() { reaction = ask() })
	return reaction
}

// Closes ends the session with this code. Its number will be used again.
func (c *Client) Closes(code uint16) {
	if c.bench.subscription.Close {
		c.within(func() { c.bench.runner.OnClose(c.number, belay.Close{Code: code}) })
	}
	delete(c.bench.host.sessions, c.number)
}

func (c *Client) within(act func()) { c.bench.within(c, act) }

// Fired is a timer that was due, and what the filter made of it.
type Fired struct {
	Client   *Client
	Timer    uint32
	Reaction belay.Reaction
}

// Advance lets time pass, and fires timers that are due, each at its time.
func (b *Bench) Advance(by time.Duration) (fired []Fired) {
	until := b.host.nowMs + uint64(by/time.Millisecond)
	for {
		client, timer, at := b.host.nextTimer()
		if client == nil || at > until {
			b.host.nowMs = until
			return fired
		}
		b.host.nowMs = max(b.host.nowMs, at)
		delete(client.timers, timer)
		reaction := client.reaction(func() belay.Reaction { return b.runner.OnTimer(client.number, timer) })
		fired = append(fired, Fired{client, timer, reaction})
	}
}

// Reload has an instance with this config take this one's place and take over the sessions, and gives what it said to the states
// that it did not accept; those sessions were opened again. A config that is refused fails the test.
func (b *Bench) Reload(config string) (refused []error) {
	b.t.Helper()
	before := b.runner
	if err := b.configure(config); err != nil {
		b.t.Fatalf("configure: %v", err)
	}
	for _, c := range b.host.inOrder() {
		var state []byte
		b.within(nil, func() { state = before.Snapshot(c.number) })
		c.within(func() {
			if state != nil {
				err := b.runner.Restore(c.number, c.handshake, state)
				if err == nil {
					return
				}
				refused = append(refused, err)
			}
			if b.subscription.Handshake {
				b.runner.OnReopen(c.number, c.handshake)
			}
		})
	}
	return refused
}

// Equal fails the test unless got, an admission, a verdict or a reaction, is what is wanted.
func Equal(t testing.TB, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", describe(got), describe(want))
	}
}

func describe(answer any) string {
	switch a := answer.(type) {
	case nil:
		return "nothing"
	case belay.Replace:
		return fmt.Sprintf("Replace(%q)", []byte(a))
	case belay.Reply:
		return fmt.Sprintf("Reply(%s %q)", a.Kind, a.Payload)
	case belay.Send:
		return fmt.Sprintf("Send(%s %q)", a.Kind, a.Payload)
	}
	return fmt.Sprintf("%T%+v", answer, answer)
}
