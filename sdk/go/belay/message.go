package belay

// Direction is where a message is going.
type Direction uint8

const (
	// ToBackend: the client said it.
	ToBackend Direction = iota
	// ToClient: the backend said it.
	ToClient
)

// String gives `to-backend` or `to-client`.
func (d Direction) String() string {
	if d == ToClient {
		return "to-client"
	}
	return "to-backend"
}

// Kind is what both ends mean a message to be.
type Kind uint8

const (
	// Text is UTF-8.
	Text Kind = iota
	// Binary is anything.
	Binary
)

// String gives `text` or `binary`.
func (k Kind) String() string {
	if k == Binary {
		return "binary"
	}
	return "text"
}

// Message is one of the filter's own.
type Message struct {
	Kind Kind
	// Payload must be UTF-8 in a text.
	Payload []byte
}

// TextMessage is a text of the filter's own.
func TextMessage(text string) Message { return Message{Kind: Text, Payload: []byte(text)} }

// BinaryMessage is a binary message of the filter's own.
func BinaryMessage(payload []byte) Message { return Message{Kind: Binary, Payload: payload} }

// Incoming is a message on its way.
type Incoming struct {
	Direction Direction
	Kind      Kind
	// Size is the message's own length in bytes.
	Size uint32
	// Payload is as much as was subscribed to. It is the filter's own to change in place and hand to [Replace], until the
	// event is over: keep a copy, not the slice.
	Payload []byte
}

// Text gives the payload of a text message, copied; false if it is binary. A subscription to a prefix may have cut the last
// character in two.
func (m *Incoming) Text() (string, bool) {
	if m.Kind != Text {
		return "", false
	}
	return string(m.Payload), true
}

// UpstreamEvent is what became of a session's upstream: [Connected], [Failed], [Lost] or [Latency].
type UpstreamEvent struct {
	Kind UpstreamKind
	// Micros is the time that Connected or Latency took, in microseconds; else 0.
	Micros uint64
}

// UpstreamKind is a kind of [UpstreamEvent].
type UpstreamKind uint8

const (
	// Connected: it is connected, and that took so long.
	Connected UpstreamKind = iota
	// Failed: an attempt to connect was refused, timed out, or answered with an error.
	Failed
	// Lost: a connection that stood was lost without a deliberate close.
	Lost
	// Latency: the backend proved that it has read what it was sent, and that took so long.
	Latency
)

// Interest is how much of each message a filter wants to see: [Ignore], [Size], [Prefix] or [Whole].
type Interest uint64

const (
	// Ignore: not called for messages in this direction.
	Ignore Interest = iota << 32
	// Size: called with the kind and size alone.
	Size
	prefix
	// Whole: called with the whole payload.
	Whole
)

// Prefix asks for at most this many leading bytes.
func Prefix(bytes uint32) Interest { return prefix | Interest(bytes) }

// Cut gives what a filter with this interest sees of a payload, and whether it is called at all.
func (i Interest) Cut(payload []byte) (seen []byte, called bool) {
	switch i &^ 0xffff_ffff {
	case Ignore:
		return nil, false
	case Size:
		return nil, true
	case prefix:
		return payload[:min(uint64(len(payload)), uint64(i&0xffff_ffff))], true
	default:
		return payload, true
	}
}

// Subscription is what a filter wants to hear; its zero value is nothing. Timers and answers need none.
type Subscription struct {
	// ToBackend is how much of what clients say.
	ToBackend Interest
	// ToClient is how much of what backends say.
	ToClient Interest
	// Handshake is for OnHandshake, and OnReopen when the instance was replaced.
	Handshake bool
	// Upstream is for OnUpstream.
	Upstream bool
	// Heartbeat is for OnHeartbeat.
	Heartbeat bool
	// Close is for OnClose. Said for you if the filter keeps something of sessions.
	Close bool
}
