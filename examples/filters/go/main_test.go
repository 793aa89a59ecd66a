package main

import (
	"strings"
	"testing"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
	"github.com/belay-proxy/belay/sdk/go/belaytest"
)

const someWords = `{ "words": ["darn", "heck"] }`

func TestNobodyIsLetInWithoutAName(t *testing.T) {
	bench := belaytest.Start(t, newGuard, someWords)
	_, admission := bench.TryConnect(belaytest.To("/chat?surname=lee"))
	if refusal, refused := admission.(belay.Refuse); !refused || refusal.Status != 400 {
		t.Errorf("let in: %v", admission)
	}
}

func TestTheNameGoesToTheBackend(t *testing.T) {
	bench := belaytest.Start(t, newGuard, someWords)
	ann := bench.Connect(belaytest.To("/chat?room=1&name=ann"))
	bob := bench.Connect(belaytest.To("/chat", [2]string{"x-name", "bob"}))
	for _, c := range []struct {
		client *belaytest.Client
		name   string
	}{{ann, "ann"}, {bob, "bob"}} {
		if header, _ := c.client.UpstreamHeader("x-user"); header != c.name || c.client.Attribute("user") != c.name {
			t.Errorf("%s is known as %q", c.name, header)
		}
	}
}

func TestTheLongestWordIsMaskedInAnyCase(t *testing.T) {
	bench := belaytest.Start(t, newGuard, `{ "words": ["heck", "hecklers", "darn"], "notice_after": 99 }`)
	ann := bench.Connect(belaytest.To("/chat?name=ann"))
	belaytest.Equal(t, ann.Says("Darn HECKLERS, what the heck…"), belay.Replace("**** ********, what the ****…"))
	belaytest.Equal(t, ann.Says("fine"), belay.Continue{})
	if masked := bench.Counter("masked"); masked != 3 {
		t.Errorf("%d masked", masked)
	}
}

func TestTheThirdMessageIsAnsweredAndTheTenthCloses(t *testing.T) {
	bench := belaytest.Start(t, newGuard, someWords)
	ann := bench.Connect(belaytest.To("/chat?name=ann"))
	for said := 1; said <= 10; said++ {
		want := belay.Verdict(belay.Replace("****"))
		switch said {
		case 3:
			want = belay.ReplyText("word-guard: mind your words, ann (3 so far)")
		case 10:
			want = belay.Close{Code: 1008, Reason: "word-guard: too many words"}
		}
		belaytest.Equal(t, ann.Says("darn"), want)
	}
	if log := bench.Log(); len(log) != 1 || log[0].Text != "word-guard: closing ann" {
		t.Errorf("the log: %v", log)
	}
}

func TestWhoSaysTooMuchWaits(t *testing.T) {
	bench := belaytest.Start(t, newGuard, `{ "words": ["darn"], "per_minute": 2 }`)
	ann := bench.Connect(belaytest.To("/chat?name=ann"))
	ann.Says("one")
	ann.Says("two")
	belaytest.Equal(t, ann.Says("three"), belay.ReplyText("word-guard: too many messages"))
	bench.Advance(30 * time.Second)
	belaytest.Equal(t, ann.Says("three"), belay.Continue{})
}

func TestStrikesSurviveAReload(t *testing.T) {
	bench := belaytest.Start(t, newGuard, someWords)
	ann := bench.Connect(belaytest.To("/chat?name=ann"))
	ann.Says("darn")
	ann.Says("darn")
	if refused := bench.Reload(someWords); refused != nil {
		t.Fatal(refused)
	}
	belaytest.Equal(t, ann.Says("darn"), belay.ReplyText("word-guard: mind your words, ann (3 so far)"))
}

func TestAWrongConfigNamesItsField(t *testing.T) {
	for config, field := range map[string]string{
		`null`:                                  "words: ",
		`{ "words": [7] }`:                      "words",
		`{ "words": ["ça"] }`:                   "words: ",
		`{ "words": ["a"], "per_minute": 0 }`:   "per_minute: ",
		`{ "words": ["a"], "per_minute": 1.5 }`: "per_minute: ",
		`{ "words": ["a"], "wordz": [] }`:       "wordz: ",
	} {
		_, err := belaytest.TryStart(t, newGuard, config)
		if err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", config, err)
		}
	}
}
