package belay

import (
	"errors"
	"math"
	"time"
)

// Never is a time that does not come: more tokens were asked for than a bucket holds.
const Never time.Duration = math.MaxInt64

// Quota says how fast and how far buckets fill. All three must be above zero.
type Quota struct {
	// Tokens come back in a Period.
	Tokens uint32
	Period time.Duration
	// Burst may be taken at once.
	Burst uint32
}

// Limiter is a table of token buckets with a key each, shared by all workers of the process.
type Limiter uint32

// DefineLimiter is only for [Export]'s function. The same name means the same buckets in every instance of this filter.
func DefineLimiter(name string, quota Quota) (Limiter, error) {
	limiter, problem := limiterDefine(name, quota.Tokens, millis(quota.Period), quota.Burst)
	return Limiter(limiter), asError(problem)
}

// Take takes tokens from the key's bucket, all or none; if none, retryAfter says when they would be there ([Never]: never).
func (l Limiter) Take(key string, tokens uint32) (retryAfter time.Duration, ok bool) {
	ms, ok := limiterTake(uint32(l), key, tokens)
	return duration(ms), ok
}

// BreakerSettings say when a breaker opens and closes.
type BreakerSettings struct {
	// Window is how far it looks back.
	Window time.Duration
	// ResultsMin must be in the window before it says anything.
	ResultsMin uint32
	// FailurePercent is the share of failures that opens it, 1 to 100.
	FailurePercent uint32
	// Slow makes a failure of a success that took longer; 0: never.
	Slow time.Duration
	// Open is how long it stays open before it lets probes through.
	Open time.Duration
	// Probes go at a time, and so many successes in a row close it.
	Probes uint32
}

// BreakerState is what a breaker does.
type BreakerState uint8

const (
	// BreakerClosed lets everything through.
	BreakerClosed BreakerState = iota
	// BreakerOpen lets nothing through.
	BreakerOpen
	// BreakerHalfOpen lets probes through.
	BreakerHalfOpen
)

// Breaker is a circuit breaker, shared by all workers of the process.
type Breaker uint32

// DefineBreaker is only for [Export]'s function. The same name means the same breaker in every instance of this filter.
func DefineBreaker(name string, s BreakerSettings) (Breaker, error) {
	breaker, problem := breakerDefine(name, millis(s.Window), s.ResultsMin, s.FailurePercent, millis(s.Slow), millis(s.Open), s.Probes)
	return Breaker(breaker), asError(problem)
}

// Keyed gives the breaker of this key, with the settings of this one and apart from it. At most 1024 keys: beyond, this one
// stands in.
func (b Breaker) Keyed(key string) Breaker { return Breaker(breakerKeyed(uint32(b), key)) }

// Admit is asked whether this may go to the backend; if not, retryAfter says when a probe may. It takes a probe's place while
// half-open: say Success or Failure when it is known.
func (b Breaker) Admit() (retryAfter time.Duration, ok bool) {
	ms, ok := breakerAdmit(uint32(b))
	return duration(ms), ok
}

// Success: what was sent to the backend went well, and took this long.
func (b Breaker) Success(latency time.Duration) {
	breakerSuccess(uint32(b), uint64(max(latency, 0)/time.Microsecond))
}

// Failure: it did not.
func (b Breaker) Failure() { breakerFailure(uint32(b)) }

// State is its state, without taking a probe's place.
func (b Breaker) State() BreakerState { return BreakerState(breakerPeek(uint32(b))) }

// ErrStoreFull: the store's table has no room.
var ErrStoreFull = errors.New("the store is full")

// StoreGet gives what stands under a key of the filter's own table, which all workers of the process share.
func StoreGet(key string) ([]byte, bool) { return storeGet(key) }

// StoreSet puts a value there for this long, or gives [ErrStoreFull].
func StoreSet(key string, value []byte, ttl time.Duration) error {
	if !storeSet(key, value, millis(ttl)) {
		return ErrStoreFull
	}
	return nil
}

// StoreRemove takes it away.
func StoreRemove(key string) { storeRemove(key) }

// StoreAdd adds to a number (absent: 0) and gives the sum; the time to live starts anew. To StoreGet and StoreSet a number is its
// eight bytes, little endian. What finds no room is given back but not kept.
func StoreAdd(key string, by int64, ttl time.Duration) int64 { return storeAdd(key, by, millis(ttl)) }

func asError(problem string) error {
	if problem == "" {
		return nil
	}
	return errors.New(problem)
}
