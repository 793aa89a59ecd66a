// Package seam is where filters that are not built for wasm meet the fake host of package belaytest.
package seam

// Host is what the world gives a filter, in plain types. Times are in milliseconds.
type Host interface {
	Log(level uint8, text string)
	NowMs() uint64
	UnixMs() uint64
	Random() uint64
	Count(name string, by uint64)
	ReadFile(name string) ([]byte, bool)
	FileVersion(name string) uint64

	Attribute(name string) (string, bool)
	SetAttribute(name, value string)
	RemoveAttribute(name string)
	SetUpstreamHeader(name, value string)
	OfferSubprotocols(names []string)
	DefaultSubprotocol(name string)
	SetTimer(timer uint32, afterMs uint64)
	CancelTimer(timer uint32)

	LimiterDefine(name string, tokens uint32, periodMs uint64, burst uint32) (limiter uint32, problem string)
	LimiterTake(limiter uint32, key string, tokens uint32) (retryAfterMs uint64, ok bool)

	BreakerDefine(name string, windowMs uint64, resultsMin, failurePercent uint32, slowMs, openMs uint64, probes uint32) (breaker uint32, problem string)
	BreakerKeyed(breaker uint32, key string) uint32
	BreakerAdmit(breaker uint32) (retryAfterMs uint64, ok bool)
	BreakerSuccess(breaker uint32, latencyUs uint64)
	BreakerFailure(breaker uint32)
	BreakerPeek(breaker uint32) uint8

	StoreGet(key string) ([]byte, bool)
	StoreSet(key string, value []byte, ttlMs uint64) bool
	StoreRemove(key string)
	StoreAdd(key string, by int64, ttlMs uint64) int64
}

var current Host

// Within has a host answer while act runs.
func Within(host Host, act func()) {
	before := current
	current = host
	defer func() { current = before }()
	act()
}

// Current is the host at hand.
func Current() Host {
	if current == nil {
		panic("belay: there is no host here; in tests, talk to the filter through package belaytest")
	}
	return current
}
