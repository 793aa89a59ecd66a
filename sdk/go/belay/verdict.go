package belay

import "time"

// Verdict is the answer to a message: [Continue], [Remember], [Replace], [Reply], [Drop], [Heartbeat], [Close] or [CallOut].
// Nil is Continue.
type Verdict interface{ verdict() }

// Continue passes the message on as it is.
type Continue struct{}

// Remember passes it on as it is, and says it again first to every later upstream of this session (to the backend only; bounded
// by the route's `hold.replay.bytes`).
type Remember struct{}

// Replace passes this on in its place, as the same kind. A text must be UTF-8.
type Replace []byte

// Reply answers its sender with this, and passes nothing on.
type Reply Message

// Drop passes nothing on.
type Drop struct{}

// Heartbeat says that it was one: nothing is passed on, and its sender is answered with this, if given.
type Heartbeat struct{ Answer *Message }

// Close ends the session. As what OnClose is told, it is why the session ended.
type Close struct {
	// Code is one of RFC 6455, section 7.4, that may stand on the wire: 1000 to 1003, 1007 to 1014, 3000 to 4999.
	Code uint16
	// Reason has at most 123 bytes.
	Reason string
}

// CallOut asks an HTTP service first. As an admission or a verdict it makes the client, or the later messages in this
// direction, wait for OnHandshakeAnswer or OnMessageAnswer; as a reaction it lets everything go on until OnAnswer, one at a
// time for a session ([ErrBusy]).
type CallOut struct {
	// Method is in upper case: GET, POST.
	Method string
	// URL is absolute, http or https. Its origin must be one of the YAML's `callouts.allow`.
	URL string
	// Headers are 64 at most. What is the connection's (host, content-length, …) is the host's.
	Headers []Header
	// Body has at most 1 MiB.
	Body []byte
	// Timeout is in whole milliseconds; 0, and more than the YAML's `callouts.timeout`, mean that timeout.
	Timeout time.Duration
}

// ReplyText answers the sender with this text.
func ReplyText(text string) Reply { return Reply(TextMessage(text)) }

// Reaction is the answer to what is not a message: [Send], [Close] or [CallOut]. Nil is none.
type Reaction interface{ reaction() }

// Send sends this to the client. It does not pass through the chain.
type Send Message

// SendText sends this text to the client.
func SendText(text string) Send { return Send(TextMessage(text)) }

func (Continue) verdict()  {}
func (Remember) verdict()  {}
func (Replace) verdict()   {}
func (Reply) verdict()     {}
func (Drop) verdict()      {}
func (Heartbeat) verdict() {}
func (Close) verdict()     {}
func (CallOut) verdict()   {}

func (Send) reaction()    {}
func (Close) reaction()   {}
func (CallOut) reaction() {}

// Response is what a service answered, whatever the status. It may be kept.
type Response struct {
	Status uint16
	// Headers have names in lower case. Values that are not UTF-8 are left out.
	Headers []Header
	// Body is at most as long as the YAML's `callouts.body`.
	Body []byte
}

// CalloutError is why there is no answer.
type CalloutError uint8

const (
	// ErrForbidden: the YAML does not allow this origin, or HTTP not this request. Nothing was sent.
	ErrForbidden CalloutError = iota
	// ErrBusy: too many callouts of this filter are under way, or this event has asked too often. Nothing was sent.
	ErrBusy
	// ErrTimeout: there was no answer in time. It may have been heard.
	ErrTimeout
	// ErrUnreachable: no connection, or one that was lost before all of the answer was there.
	ErrUnreachable
	// ErrTooLarge: the answer is longer than allowed.
	ErrTooLarge
)

// Error gives the world's name of it.
func (e CalloutError) Error() string {
	names := [...]string{"forbidden", "busy", "timeout", "unreachable", "too-large"}
	if int(e) < len(names) {
		return "callout: " + names[e]
	}
	return "callout: unknown"
}
