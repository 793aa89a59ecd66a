// My-filter answers messages that are too long, and lets all others pass.
package main

import "github.com/belay-proxy/belay/sdk/go/belay"

// config is the filter's `config` in Belay's YAML.
type config struct {
	// Longest is in bytes.
	Longest uint32 `json:"longest"`
}

type myFilter struct {
	// Lets everything pass that is not said otherwise here. It keeps nothing of sessions.
	belay.Defaults[struct{}]
	longest uint32
}

func newFilter(c config) (belay.Filter[struct{}], error) {
	if c.Longest == 0 {
		return nil, belay.FieldError("longest", "a whole number from 1 is wanted")
	}
	return &myFilter{longest: c.Longest}, nil
}

func (f *myFilter) Subscription() belay.Subscription {
	// The size is enough: the messages themselves are not even copied.
	return belay.Subscription{ToBackend: belay.Size}
}

func (f *myFilter) OnMessage(_ *struct{}, m *belay.Incoming) belay.Verdict {
	if m.Size <= f.longest {
		return belay.Continue{}
	}
	belay.Count("too_long", 1)
	return belay.ReplyText("that was too long")
}

func init() { belay.Export(newFilter) }
func main() {}
