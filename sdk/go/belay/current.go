package belay

import "time"

// These are about the session that the current event is about; outside an event they do nothing. What breaks a limit is not
// done, and fails the event.

const (
	// AttributesMax is how many attributes a session has at most.
	AttributesMax = 64
	// AttributeNameBytesMax and AttributeValueBytesMax are how long they are at most.
	AttributeNameBytesMax  = 256
	AttributeValueBytesMax = 4096
	// UpstreamHeadersMax is how many headers filters may set for the backend.
	UpstreamHeadersMax = 32
	// TimersMax is how many timers of one filter a session has at most.
	TimersMax = 8
	// SnapshotBytesMax is how much of a session survives a reload at most.
	SnapshotBytesMax = 16 << 10
)

// Attribute gives what filters know of the session under this name. Shared along the chain, kept with the session.
func Attribute(name string) (string, bool) { return currentAttribute(name) }

// SetAttribute lets the filters after this one, logs and traces know it.
func SetAttribute(name, value string) { currentSetAttribute(name, value) }

// RemoveAttribute forgets it.
func RemoveAttribute(name string) { currentRemoveAttribute(name) }

// SetUpstreamHeader sets a header for every later handshake with the backend, in place of one of that name. An empty value takes
// it away.
func SetUpstreamHeader(name, value string) { currentSetUpstreamHeader(name, value) }

// OfferSubprotocols says what the backend is offered in place of the client's subprotocols, during OnHandshake.
func OfferSubprotocols(names ...string) { currentOfferSubprotocols(names) }

// DefaultSubprotocol says what the client is told if the backend picks none, during OnHandshake.
func DefaultSubprotocol(name string) { currentDefaultSubprotocol(name) }

// SetTimer has OnTimer called with timer after this time (in whole milliseconds, rounded up), in place of an earlier one of the
// same number. At most [TimersMax] a session.
func SetTimer(timer uint32, after time.Duration) { currentSetTimer(timer, millis(after)) }

// CancelTimer forgets it.
func CancelTimer(timer uint32) { currentCancelTimer(timer) }

// millis rounds up, so that nothing comes early.
func millis(d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64((d-1)/time.Millisecond) + 1
}

// duration is as long as a Duration can say, if it is longer.
func duration(ms uint64) time.Duration {
	if ms >= uint64(Never/time.Millisecond) {
		return Never
	}
	return time.Duration(ms) * time.Millisecond
}
