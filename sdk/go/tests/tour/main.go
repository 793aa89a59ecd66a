// Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge.
package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
)

type session struct{}

type tour struct {
	belay.Defaults[session]
	breaker belay.Breaker
	limiter belay.Limiter
	file    uint64
	since   time.Duration
}

func newTour(struct{}) (belay.Filter[session], error) {
	breaker, err := belay.DefineBreaker("backend", belay.BreakerSettings{
		Window: time.Minute, ResultsMin: 2, FailurePercent: 50, Open: 10 * time.Second, Probes: 1,
	})
	limiter, err2 := belay.DefineLimiter("takes", belay.Quota{Tokens: 2, Period: time.Second, Burst: 2})
	return &tour{breaker: breaker, limiter: limiter}, errors.Join(err, err2)
}

func (t *tour) Subscription() belay.Subscription {
	return belay.Subscription{
		ToBackend: belay.Whole, ToClient: belay.Prefix(8), Handshake: true, Upstream: true, Heartbeat: true, Close: true,
	}
}

func (t *tour) OnHandshake(_ *session, h *belay.Handshake) belay.Admission {
	switch h.Path {
	case "/refuse":
		return belay.Refuse{Status: 403, Headers: []belay.Header{{Name: "x-tour", Value: "no"}}, Body: "not here"}
	case "/protocols":
		names := make([]string, 0, len(h.Subprotocols))
		for _, name := range h.Subprotocols {
			names = append(names, "tour."+name)
		}
		slices.Reverse(names)
		belay.OfferSubprotocols(names...)
		belay.DefaultSubprotocol("tour")
	case "/ask":
		ask := belay.CallOut{Method: "GET", URL: "http://auth.test/check?" + h.Query, Timeout: 1500 * time.Millisecond}
		if token := h.Header("Authorization"); token != "" {
			ask.Headers = []belay.Header{{Name: "authorization", Value: token}}
		}
		return ask
	}
	return belay.Accept{}
}

func (t *tour) OnHandshakeAnswer(_ *session, _ *belay.Handshake, r *belay.Response, err error) belay.Admission {
	switch {
	case err != nil:
		return belay.Refuse{Status: 503, Body: reason(err)}
	case r.Status == 307:
		return belay.CallOut{Method: "GET", URL: "http://auth.test/again"}
	case r.Status != 200:
		return belay.Refuse{Status: r.Status}
	}
	if len(r.Headers) > 0 {
		who := r.Headers[0].Value + " " + string(r.Body)
		belay.SetAttribute("who", who)
		belay.SetUpstreamHeader("x-who", who)
	}
	return belay.Accept{}
}

func (t *tour) OnMessage(_ *session, m *belay.Incoming) belay.Verdict {
	if m.Direction == belay.ToClient {
		return fromBackend(m)
	}
	text, isText := m.Text()
	if !isText {
		slices.Reverse(m.Payload)
		return belay.Replace(m.Payload)
	}
	command, rest, _ := strings.Cut(text, " ")
	switch command {
	case "remember":
		return belay.Remember{}
	case "drop":
		return belay.Drop{}
	case "binary":
		return belay.Reply(belay.BinaryMessage([]byte{0, 1, 255}))
	case "beat":
		return belay.Heartbeat{}
	case "ping":
		pong := belay.TextMessage("pong")
		return belay.Heartbeat{Answer: &pong}
	case "empty":
		return belay.Replace{}
	case "bye":
		return belay.Close{Code: 4000, Reason: "bye"}
	case "ask":
		return belay.CallOut{
			Method: "POST", URL: "http://judge.test/", Body: m.Payload, Timeout: 250 * time.Millisecond,
			Headers: []belay.Header{{Name: "content-type", Value: "text/plain"}},
		}
	case "timers":
		belay.SetTimer(1, 5*time.Second)
		belay.SetTimer(2, 10*time.Second)
		belay.SetTimer(3, time.Second)
		belay.SetTimer(3, 20*time.Second)
	case "cancel":
		belay.CancelTimer(2)
	case "be":
		belay.SetAttribute("who", rest)
	case "forget":
		belay.RemoveAttribute("who")
	case "trap":
		panic("the tour is over")
	default:
		return t.askHost(text, rest)
	}
	return nil
}

// askHost answers with what the host says.
func (t *tour) askHost(text, rest string) belay.Verdict {
	switch text {
	case "who":
		if who, known := belay.Attribute("who"); known {
			return belay.ReplyText(who)
		}
		return belay.ReplyText("nobody")
	case "load":
		if value, there := belay.StoreGet("saved"); there {
			return belay.ReplyText(string(value))
		}
		return belay.ReplyText("nothing")
	case "lose":
		belay.StoreRemove("saved")
		return belay.Drop{}
	case "breaker":
		return belay.ReplyText(stateOf(t.breaker))
	case "other breaker":
		return belay.ReplyText(stateOf(t.breaker.Keyed("other")))
	case "admit":
		return granted(t.breaker.Admit())
	case "take":
		return granted(t.limiter.Take("key", 1))
	case "file":
		content, there := belay.ReadFile("greeting")
		t.file = belay.FileVersion("greeting")
		if !there {
			return belay.ReplyText("no file")
		}
		return belay.ReplyText(string(content))
	case "same file":
		if belay.FileVersion("greeting") == t.file {
			return belay.ReplyText("yes")
		}
		return belay.ReplyText("no")
	case "clock":
		return belay.ReplyText(strconv.FormatInt(belay.UnixNow().UnixMilli(), 10))
	case "since":
		passed := belay.Now() - t.since
		if t.since == 0 {
			passed = 0
		}
		t.since = belay.Now()
		return belay.ReplyText(strconv.FormatInt(passed.Milliseconds(), 10))
	case "dice":
		return belay.ReplyText(strconv.FormatUint(belay.Random(), 10))
	case "log":
		for level, line := range []string{"one", "two", "three ç…", "four"} {
			belay.Log(belay.Level(level), line)
		}
		belay.Count("logged", 4)
		return belay.Drop{}
	}
	if strings.HasPrefix(text, "save ") {
		if err := belay.StoreSet("saved", []byte(rest), time.Minute); err != nil {
			return belay.ReplyText(err.Error())
		}
		return belay.Drop{}
	}
	return belay.Continue{}
}

func fromBackend(m *belay.Incoming) belay.Verdict {
	switch {
	case string(m.Payload) == "secret":
		return belay.Drop{}
	case m.Size > 8:
		return belay.ReplyText(string(m.Payload) + " of " + strconv.Itoa(int(m.Size)))
	}
	return belay.Continue{}
}

func (t *tour) OnMessageAnswer(_ *session, _ *belay.Incoming, r *belay.Response, err error) belay.Verdict {
	switch {
	case err != nil:
		return belay.ReplyText(reason(err))
	case r.Status == 200:
		return belay.Replace(r.Body)
	}
	return belay.Drop{}
}

func (t *tour) OnUpstream(_ *session, e belay.UpstreamEvent) belay.Reaction {
	switch e.Kind {
	case belay.Connected:
		t.breaker.Success(time.Duration(e.Micros) * time.Microsecond)
	case belay.Failed:
		t.breaker.Failure()
	case belay.Lost:
		return belay.SendText("lost")
	case belay.Latency:
		return belay.CallOut{Method: "GET", URL: "http://metrics.test/latency/" + strconv.FormatUint(e.Micros, 10)}
	}
	return nil
}

func (t *tour) OnHeartbeat(_ *session, d belay.Direction) belay.Reaction {
	if d == belay.ToBackend {
		return belay.Send(belay.BinaryMessage([]byte{7}))
	}
	return nil
}

func (t *tour) OnTimer(_ *session, timer uint32) belay.Reaction {
	name := "timer " + strconv.Itoa(int(timer))
	if timer == 3 {
		return belay.Close{Code: 4002, Reason: name}
	}
	return belay.SendText(name)
}

func (t *tour) OnAnswer(_ *session, r *belay.Response, err error) belay.Reaction {
	if err != nil {
		return belay.Close{Code: 4001, Reason: reason(err)}
	}
	return belay.SendText("answered " + strconv.Itoa(int(r.Status)))
}

func stateOf(b belay.Breaker) string {
	return [...]string{"closed", "open", "half-open"}[b.State()]
}

func granted(retryAfter time.Duration, ok bool) belay.Verdict {
	if ok {
		return belay.ReplyText("yes")
	}
	return belay.ReplyText("in " + strconv.FormatInt(retryAfter.Milliseconds(), 10))
}

// reason is the world's own word for it.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "callout: ") }

func init() { belay.Export(newTour) }
func main() {}
