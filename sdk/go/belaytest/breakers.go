package belaytest

import (
	"slices"

	"github.com/belay-proxy/belay/sdk/go/belay"
)

// breakers are circuit breakers over a sliding window of single results.
type breakers []*breaker

type breaker struct {
	name, key string
	breakerSettings
	state belay.BreakerState
	// Closed: what came when.
	results []result
	// Open: until when.
	untilMs uint64
	// Half-open: when the places of probes that nothing is known of become free, and how many went well in a row.
	places    []uint64
	successes uint32
}

type breakerSettings struct {
	windowMs                   uint64
	resultsMin, failurePercent uint32
	slowMs, openMs             uint64
	probes                     uint32
}

type result struct {
	atMs   uint64
	failed bool
}

func (h *host) BreakerDefine(name string, windowMs uint64, resultsMin, failurePercent uint32, slowMs, openMs uint64, probes uint32) (uint32, string) {
	switch {
	case !h.configuring:
		return 0, "breakers are defined in configure"
	case windowMs == 0 || openMs == 0 || probes == 0:
		return 0, "window, open time and probes must be above zero"
	case failurePercent < 1 || failurePercent > 100:
		return 0, "the share of failures must be from 1 to 100 percent"
	}
	return h.breakers.place(name, "", breakerSettings{windowMs, resultsMin, failurePercent, slowMs, openMs, probes}), ""
}

func (all *breakers) place(name, key string, settings breakerSettings) uint32 {
	for place, b := range *all {
		if b.name == name && b.key == key {
			return uint32(place)
		}
	}
	*all = append(*all, &breaker{name: name, key: key, breakerSettings: settings})
	return uint32(len(*all) - 1)
}

func (h *host) BreakerKeyed(place uint32, key string) uint32 {
	if int(place) >= len(h.breakers) {
		return place
	}
	// A key of its own kind, so that the empty one is not the breaker itself.
	return h.breakers.place(h.breakers[place].name, "key:"+key, h.breakers[place].breakerSettings)
}

func (h *host) breaker(place uint32) *breaker {
	if int(place) < len(h.breakers) {
		return h.breakers[place]
	}
	return &breaker{}
}

func (h *host) BreakerAdmit(place uint32) (retryAfterMs uint64, ok bool) {
	b := h.breaker(place)
	switch {
	case b.state == belay.BreakerClosed:
		return 0, true
	case b.state == belay.BreakerOpen && h.nowMs < b.untilMs:
		return b.untilMs - h.nowMs, false
	case b.state == belay.BreakerOpen:
		b.state, b.places, b.successes = belay.BreakerHalfOpen, nil, 0
	}
	b.places = slices.DeleteFunc(b.places, func(freeMs uint64) bool { return freeMs <= h.nowMs })
	if len(b.places) >= int(b.probes) {
		return slices.Min(b.places) - h.nowMs, false
	}
	b.places = append(b.places, h.nowMs+b.openMs)
	return 0, true
}

func (h *host) BreakerSuccess(place uint32, latencyUs uint64) {
	b := h.breaker(place)
	b.result(b.slowMs != 0 && latencyUs > b.slowMs*1000, h.nowMs)
}

func (h *host) BreakerFailure(place uint32) { h.breaker(place).result(true, h.nowMs) }

func (h *host) BreakerPeek(place uint32) uint8 {
	b := h.breaker(place)
	if b.state == belay.BreakerOpen && h.nowMs >= b.untilMs {
		return uint8(belay.BreakerHalfOpen)
	}
	return uint8(b.state)
}

func (b *breaker) result(failed bool, nowMs uint64) {
	switch b.state {
	case belay.BreakerClosed:
		b.results = append(b.results, result{nowMs, failed})
		b.results = slices.DeleteFunc(b.results, func(r result) bool { return r.atMs+b.windowMs <= nowMs })
		failures := 0
		for _, r := range b.results {
			if r.failed {
				failures++
			}
		}
		if len(b.results) >= max(1, int(b.resultsMin)) && failures*100 >= len(b.results)*int(b.failurePercent) {
			b.open(nowMs)
		}
	case belay.BreakerHalfOpen:
		if failed {
			b.open(nowMs)
			return
		}
		if len(b.places) > 0 {
			b.places = b.places[:len(b.places)-1]
		}
		if b.successes++; b.successes >= b.probes {
			b.state, b.results = belay.BreakerClosed, nil
		}
	}
}

func (b *breaker) open(nowMs uint64) {
	b.state, b.untilMs = belay.BreakerOpen, nowMs+b.openMs
}
