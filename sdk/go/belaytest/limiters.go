package belaytest

import "math"

// limiters are token buckets, exact to the millisecond.
type limiters []*limiter

type limiter struct {
	name          string
	tokens, burst uint32
	periodMs      uint64
	buckets       map[string]bucket
}

// bucket has its level in tokens times the period: a millisecond brings `tokens` of these, so that nothing is rounded.
type bucket struct{ level, atMs uint64 }

func (h *host) LimiterDefine(name string, tokens uint32, periodMs uint64, burst uint32) (uint32, string) {
	if !h.configuring {
		return 0, "limiters are defined in configure"
	}
	if tokens == 0 || periodMs == 0 || burst == 0 {
		return 0, "tokens, period and burst must be above zero"
	}
	for place, l := range h.limiters {
		if l.name == name {
			l.tokens, l.periodMs, l.burst = tokens, periodMs, burst
			return uint32(place), ""
		}
	}
	h.limiters = append(h.limiters, &limiter{name, tokens, burst, periodMs, map[string]bucket{}})
	return uint32(len(h.limiters) - 1), ""
}

func (h *host) LimiterTake(place uint32, key string, tokens uint32) (retryAfterMs uint64, ok bool) {
	if int(place) >= len(h.limiters) {
		return 0, true
	}
	l := h.limiters[place]
	if tokens > l.burst {
		return math.MaxUint64, false
	}
	full := uint64(l.burst) * l.periodMs
	b, known := l.buckets[key]
	if !known {
		b = bucket{full, h.nowMs}
	}
	// After as long as it takes to fill, it is full: nothing overflows.
	if passed := h.nowMs - b.atMs; passed >= full/uint64(l.tokens) {
		b.level = full
	} else {
		b.level = min(full, b.level+passed*uint64(l.tokens))
	}
	b.atMs = h.nowMs
	wanted := uint64(tokens) * l.periodMs
	if ok = b.level >= wanted; ok {
		b.level -= wanted
	} else {
		retryAfterMs = (wanted - b.level + uint64(l.tokens) - 1) / uint64(l.tokens)
	}
	l.buckets[key] = b
	return retryAfterMs, ok
}
