// Word-guard masks words in what clients say, minds those who say too many of them, and closes on who will not listen.
package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
)

// What each session's strikes are remembered for after the last one, by name.
const rememberedFor = time.Hour

// session is what is kept of each client.
type session struct {
	user, peer string
	strikes    uint32
}

type guard struct {
	belay.Defaults[session]
	words    words
	config   config
	messages belay.Limiter
}

func newGuard(c config) (belay.Filter[session], error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	messages, err := belay.DefineLimiter("messages", belay.Quota{
		Tokens: *c.PerMinute, Period: time.Minute, Burst: *c.PerMinute,
	})
	if err != nil {
		return nil, err
	}
	return &guard{words: newWords(c.Words), config: c, messages: messages}, nil
}

func (g *guard) Subscription() belay.Subscription {
	return belay.Subscription{ToBackend: belay.Whole, Handshake: true, Close: true}
}

func (g *guard) OnHandshake(s *session, h *belay.Handshake) belay.Admission {
	*s = sessionOf(h)
	if s.user == "" {
		return belay.Refuse{
			Status:  400,
			Headers: []belay.Header{{Name: "content-type", Value: "text/plain"}},
			Body:    "word-guard: say who you are: ?name=…\n",
		}
	}
	belay.SetAttribute("user", s.user)
	belay.SetUpstreamHeader("x-user", s.user)
	return belay.Accept{}
}

func (g *guard) OnReopen(s *session, h *belay.Handshake) {
	*s = sessionOf(h)
}

func (g *guard) OnMessage(s *session, m *belay.Incoming) belay.Verdict {
	if m.Kind != belay.Text {
		return belay.Continue{}
	}
	if _, ok := g.messages.Take(s.peer, 1); !ok {
		return belay.ReplyText("word-guard: too many messages")
	}
	found := g.words.mask(m.Payload)
	if found == 0 {
		return belay.Continue{}
	}
	s.strikes++
	belay.Count("masked", uint64(found))
	total := belay.StoreAdd("strikes:"+s.user, 1, rememberedFor)
	switch s.strikes {
	case *g.config.CloseAfter:
		belay.Log(belay.Info, "word-guard: closing "+s.user)
		return belay.Close{Code: 1008, Reason: "word-guard: too many words"}
	case *g.config.NoticeAfter:
		return belay.ReplyText(fmt.Sprintf("word-guard: mind your words, %s (%d so far)", s.user, total))
	}
	return belay.Replace(m.Payload)
}

func (g *guard) Snapshot(s *session) []byte {
	if s.strikes == 0 {
		return nil
	}
	return binary.LittleEndian.AppendUint32(nil, s.strikes)
}

func (g *guard) Restore(s *session, h *belay.Handshake, state []byte) error {
	if len(state) != 4 {
		return fmt.Errorf("word-guard: 4 bytes of state, not %d", len(state))
	}
	*s = sessionOf(h)
	s.strikes = binary.LittleEndian.Uint32(state)
	return nil
}

// sessionOf knows whom a session belongs to: the query says it, or a header, as it is written there.
func sessionOf(h *belay.Handshake) session {
	name := ""
	for pair := range strings.SplitSeq(h.Query, "&") {
		if value, found := strings.CutPrefix(pair, "name="); found {
			name = value
			break
		}
	}
	if name == "" {
		name = h.Header("x-name")
	}
	return session{user: name, peer: h.PeerAddress}
}

func init() { belay.Export(newGuard) }
func main() {}
