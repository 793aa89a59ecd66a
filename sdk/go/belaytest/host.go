package belaytest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/belay-proxy/belay/sdk/go/belay"
)

// As many entries as fit; enough for a test to fill.
const storeEntriesMax = 1024

// host is what a bench gives its filter.
type host struct {
	nowMs uint64
	// The wall clock minus nowMs.
	unixBaseMs  uint64
	random      uint64
	log         []Line
	counters    map[string]uint64
	files       map[string]file
	configuring bool
	current     *Client
	sessions    map[uint32]*Client
	limiters    limiters
	breakers    breakers
	store       map[string]stored
}

// Line is one of the log.
type Line struct {
	Level belay.Level
	Text  string
}

type file struct {
	version uint64
	bytes   []byte
	there   bool
}

type stored struct {
	value   []byte
	untilMs uint64
}

// facts are what filters know of a session and have asked for it.
type facts struct {
	attributes         map[string]string
	upstreamHeaders    map[string]string
	offered            []string
	defaultSubprotocol string
	timers             map[uint32]uint64
}

func newFacts() facts {
	return facts{attributes: map[string]string{}, upstreamHeaders: map[string]string{}, timers: map[uint32]uint64{}}
}

func newHost() *host {
	return &host{
		nowMs:      1_000_000,
		unixBaseMs: 1_700_000_000_000 - 1_000_000,
		random:     0x9e37_79b9_7f4a_7c15,
		counters:   map[string]uint64{},
		files:      map[string]file{},
		sessions:   map[uint32]*Client{},
		store:      map[string]stored{},
	}
}

// Log is what was logged so far.
func (b *Bench) Log() []Line { return slices.Clone(b.host.log) }

// Counter is the sum of a counter.
func (b *Bench) Counter(name string) uint64 { return b.host.counters[name] }

// SetUnixTime sets the wall clock, and leaves the other one alone.
func (b *Bench) SetUnixTime(t time.Time) { b.host.unixBaseMs = uint64(t.UnixMilli()) - b.host.nowMs }

// SetFile writes one of the filter's files.
func (b *Bench) SetFile(name string, content []byte) {
	if before := b.host.files[name]; !before.there || !bytes.Equal(before.bytes, content) {
		b.host.files[name] = file{before.version + 1, slices.Clone(content), true}
	}
}

// RemoveFile makes one of the filter's files unreadable.
func (b *Bench) RemoveFile(name string) {
	b.host.files[name] = file{version: b.host.files[name].version + 1}
}

// Attribute is what filters know of the session under this name; empty if nothing.
func (c *Client) Attribute(name string) string { return c.attributes[name] }

// SetAttribute is for what a filter before this one would set.
func (c *Client) SetAttribute(name, value string) { c.attributes[name] = value }

// UpstreamHeader is what the backend is told in this header, and whether the filter has said anything of it.
func (c *Client) UpstreamHeader(name string) (string, bool) {
	value, set := c.upstreamHeaders[name]
	return value, set
}

// OfferedSubprotocols are what the backend is offered in place of the client's; nil if those.
func (c *Client) OfferedSubprotocols() []string { return c.offered }

// DefaultSubprotocol is what the client is told if the backend picks none.
func (c *Client) DefaultSubprotocol() string { return c.defaultSubprotocol }

// Timers are the numbers of the timers that are set, in order.
func (c *Client) Timers() []uint32 { return slices.Sorted(maps.Keys(c.timers)) }

func (h *host) freeNumber() uint32 {
	for number := uint32(0); ; number++ {
		if h.sessions[number] == nil {
			return number
		}
	}
}

func (h *host) inOrder() []*Client {
	return slices.SortedFunc(maps.Values(h.sessions), func(a, b *Client) int { return cmp.Compare(a.number, b.number) })
}

func (h *host) nextTimer() (next *Client, timer uint32, at uint64) {
	for _, c := range h.inOrder() {
		for _, number := range c.Timers() {
			if due := c.timers[number]; next == nil || due < at {
				next, timer, at = c, number, due
			}
		}
	}
	return next, timer, at
}

// about acts on the session of the event at hand, if there is one.
func (h *host) about(act func(*Client)) {
	if h.current != nil {
		act(h.current)
	}
}

func (h *host) Log(level uint8, text string) { h.log = append(h.log, Line{belay.Level(level), text}) }
func (h *host) NowMs() uint64                { return h.nowMs }
func (h *host) UnixMs() uint64               { return h.unixBaseMs + h.nowMs }

// Random is the same in every run: splitmix64.
func (h *host) Random() uint64 {
	h.random += 0x9e37_79b9_7f4a_7c15
	mixed := (h.random ^ h.random>>30) * 0xbf58_476d_1ce4_e5b9
	mixed = (mixed ^ mixed>>27) * 0x94d0_49bb_1331_11eb
	return mixed ^ mixed>>31
}

func (h *host) Count(name string, by uint64) {
	if _, known := h.counters[name]; known || len(h.counters) < 32 {
		h.counters[name] += by
	}
}

func (h *host) ReadFile(name string) ([]byte, bool) {
	file := h.files[name]
	return slices.Clone(file.bytes), file.there
}

func (h *host) FileVersion(name string) uint64 { return h.files[name].version }

func (h *host) Attribute(name string) (value string, known bool) {
	h.about(func(c *Client) { value, known = c.attributes[name] })
	return value, known
}

func (h *host) SetAttribute(name, value string) {
	h.about(func(c *Client) { c.attributes[name] = value })
}

func (h *host) RemoveAttribute(name string) {
	h.about(func(c *Client) { delete(c.attributes, name) })
}

func (h *host) SetUpstreamHeader(name, value string) {
	h.about(func(c *Client) { c.upstreamHeaders[name] = value })
}

func (h *host) OfferSubprotocols(names []string) {
	h.about(func(c *Client) { c.offered = slices.Clone(names) })
}

func (h *host) DefaultSubprotocol(name string) {
	h.about(func(c *Client) { c.defaultSubprotocol = name })
}

func (h *host) SetTimer(timer uint32, afterMs uint64) {
	h.about(func(c *Client) {
		if _, set := c.timers[timer]; set || len(c.timers) < belay.TimersMax {
			c.timers[timer] = saturating(h.nowMs, afterMs)
		}
	})
}

func (h *host) CancelTimer(timer uint32) {
	h.about(func(c *Client) { delete(c.timers, timer) })
}

func (h *host) StoreGet(key string) ([]byte, bool) {
	entry, there := h.store[key]
	if !there || entry.untilMs <= h.nowMs {
		return nil, false
	}
	return slices.Clone(entry.value), true
}

func (h *host) StoreSet(key string, value []byte, ttlMs uint64) bool {
	maps.DeleteFunc(h.store, func(_ string, entry stored) bool { return entry.untilMs <= h.nowMs })
	if _, there := h.store[key]; !there && len(h.store) >= storeEntriesMax {
		return false
	}
	h.store[key] = stored{slices.Clone(value), saturating(h.nowMs, ttlMs)}
	return true
}

func (h *host) StoreRemove(key string) { delete(h.store, key) }

func (h *host) StoreAdd(key string, by int64, ttlMs uint64) int64 {
	sum := by
	if before, there := h.StoreGet(key); there && len(before) == 8 {
		sum = saturatingSum(int64(binary.LittleEndian.Uint64(before)), by)
	}
	h.StoreSet(key, binary.LittleEndian.AppendUint64(nil, uint64(sum)), ttlMs)
	return sum
}

func saturating(a, b uint64) uint64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint64
}

func saturatingSum(a, b int64) int64 {
	sum := a + b
	switch {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	}
	return sum
}
