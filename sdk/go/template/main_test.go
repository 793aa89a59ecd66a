package main

import (
	"testing"

	"github.com/belay-proxy/belay/sdk/go/belay"
	"github.com/belay-proxy/belay/sdk/go/belaytest"
)

func TestWhatIsTooLongIsAnswered(t *testing.T) {
	bench := belaytest.Start(t, newFilter, `{ "longest": 5 }`)
	client := bench.Connect(belaytest.To("/chat"))
	belaytest.Equal(t, client.Says("hello"), belay.Continue{})
	belaytest.Equal(t, client.Says("hello!"), belay.ReplyText("that was too long"))
}
