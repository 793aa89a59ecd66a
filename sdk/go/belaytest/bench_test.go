package belaytest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
	"github.com/belay-proxy/belay/sdk/go/belaytest"
)

type config struct {
	Limit struct {
		Burst uint32 `json:"burst"`
	} `json:"limit"`
	Every belay.Duration `json:"every"`
}

type session struct {
	said  int
	keeps []byte
}

// everything does a little of all that a filter can.
type everything struct {
	belay.Defaults[session]
	breaker belay.Breaker
}

func newEverything(c config) (belay.Filter[session], error) {
	breaker, err := belay.DefineBreaker("backend", belay.BreakerSettings{
		Window: time.Minute, ResultsMin: 2, FailurePercent: 50, Open: 10 * time.Second, Probes: 1,
	})
	return &everything{breaker: breaker}, err
}

func (e *everything) Subscription() belay.Subscription {
	return belay.Subscription{ToBackend: belay.Prefix(4), Handshake: true, Upstream: true, Heartbeat: true}
}

func (e *everything) OnHandshake(s *session, h *belay.Handshake) belay.Admission {
	if token := h.QueryValue("token"); token != "" {
		return belay.CallOut{Method: "GET", URL: "http://auth/" + token}
	}
	return nil
}

func (e *everything) OnHandshakeAnswer(s *session, h *belay.Handshake, r *belay.Response, err error) belay.Admission {
	switch {
	case errors.Is(err, belay.ErrTimeout):
		return belay.Refuse{Status: 503}.RetryAfter(1500 * time.Millisecond)
	case r == nil || r.Status != 200:
		return belay.Refuse{Status: 403}
	}
	return belay.Accept{}
}

func (e *everything) OnMessage(s *session, m *belay.Incoming) belay.Verdict {
	s.said++
	s.keeps = m.Payload
	belay.SetTimer(1, 1500*time.Microsecond)
	if string(m.Payload) == "ask!" {
		return belay.CallOut{Method: "GET", URL: "http://judge/"}
	}
	return belay.Replace(m.Payload)
}

func (e *everything) OnUpstream(s *session, event belay.UpstreamEvent) belay.Reaction {
	if event.Kind == belay.Lost {
		e.breaker.Failure()
	}
	if wait, ok := e.breaker.Admit(); !ok {
		return belay.SendText("wait " + wait.String())
	}
	return nil
}

func (e *everything) OnTimer(s *session, timer uint32) belay.Reaction {
	return belay.Close{Code: 4000, Reason: "time is up"}
}

func TestAFilterSeesWhatItSubscribedToAndOwnsItNoLongerThanTheEvent(t *testing.T) {
	t.Parallel()
	bench := belaytest.Start(t, newEverything, `null`)
	client := bench.Connect(belaytest.To("/chat"))
	belaytest.Equal(t, client.Says("hello"), belay.Replace("hell"))
	belaytest.Equal(t, client.Hears("hello"), belay.Continue{})
}

func TestACalloutIsAnswered(t *testing.T) {
	t.Parallel()
	bench := belaytest.Start(t, newEverything, `null`)
	client, admission := bench.TryConnect(belaytest.To("/chat?token=t%201"))
	belaytest.Equal(t, admission, belay.CallOut{Method: "GET", URL: "http://auth/t 1"})
	belaytest.Equal(t, client.HandshakeAnswer(&belay.Response{Status: 200}, nil), belay.Accept{})
	belaytest.Equal(t, client.Says("ask!"), belay.CallOut{Method: "GET", URL: "http://judge/"})
	belaytest.Equal(t, client.MessageAnswer(nil, belay.ErrBusy), belay.Close{Code: 1011})

	client, _ = bench.TryConnect(belaytest.To("/chat?token=t"))
	belaytest.Equal(t, client.HandshakeAnswer(nil, belay.ErrTimeout),
		belay.Refuse{Status: 503, Headers: []belay.Header{{Name: "retry-after", Value: "2"}}})
}

func TestABreakerOpensAndATimerComesWhenItIsDue(t *testing.T) {
	t.Parallel()
	bench := belaytest.Start(t, newEverything, `null`)
	client := bench.Connect(belaytest.To("/chat"))
	belaytest.Equal(t, client.Upstream(belay.UpstreamEvent{Kind: belay.Lost}), nil)
	belaytest.Equal(t, client.Upstream(belay.UpstreamEvent{Kind: belay.Lost}), belay.SendText("wait 10s"))
	bench.Advance(10 * time.Second)
	belaytest.Equal(t, client.Upstream(belay.UpstreamEvent{Kind: belay.Failed}), nil)

	client.Says("hi")
	if fired := bench.Advance(time.Millisecond); fired != nil {
		t.Errorf("too early: %v", fired)
	}
	fired := bench.Advance(time.Millisecond)
	if len(fired) != 1 {
		t.Fatalf("%d timers fired", len(fired))
	}
	belaytest.Equal(t, fired[0].Reaction, belay.Close{Code: 4000, Reason: "time is up"})
}

func TestAnErrorOfAConfigNamesItsField(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`{ "limit": { "burst": "x" } }`: "limit.burst: string found, a whole number from 0 expected",
		`{ "limit": { "bursts": 1 } }`:  "bursts: unknown field",
		`[]`:                            "array found, an object expected",
		`{ "every": "30" }`:             `every: "30" is not a time with its unit, like 250ms, 30s, 5m, 2h or 1d`,
	} {
		if _, err := belaytest.TryStart(t, newEverything, json); err == nil || err.Error() != want {
			t.Errorf("%s: %v", json, err)
		}
	}
}
