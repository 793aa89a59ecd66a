package belay

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Header is one of HTTP.
type Header struct {
	// Name is in lower case.
	Name string
	// Value is as it came.
	Value string
}

// Handshake is what the client asked for when it connected. It may be kept.
type Handshake struct {
	// SessionID is stable for the life of the session, and what the backend sees as `Belay-Session`.
	SessionID string
	// Route is the name of the route that matched.
	Route string
	// PeerAddress is the client's IP address, without port.
	PeerAddress string
	PeerPort    uint16
	// Host is the Host header, empty if there was none.
	Host string
	// Path is as it came, percent signs and all.
	Path string
	// Query is without the question mark.
	Query string
	// Headers are in their order.
	Headers []Header
	// Subprotocols are what the client offers in Sec-WebSocket-Protocol, in its order.
	Subprotocols []string
}

// Header gives the value of the first header of this name, in any case; empty if there is none.
func (h *Handshake) Header(name string) string {
	for _, header := range h.Headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// QueryValue gives the first query parameter of this name, decoded (`+` is a space); empty if there is none, or no valid one.
func (h *Handshake) QueryValue(name string) string {
	for pair := range strings.SplitSeq(h.Query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err == nil && decoded == name {
			decoded, _ := url.QueryUnescape(value)
			return decoded
		}
	}
	return ""
}

// Cookie gives the value of the first cookie of this name (RFC 6265, section 5.4), without quotes around it; empty if there is
// none.
func (h *Handshake) Cookie(name string) string {
	for _, header := range h.Headers {
		if !strings.EqualFold(header.Name, "cookie") {
			continue
		}
		for pair := range strings.SplitSeq(header.Value, ";") {
			key, value, found := strings.Cut(pair, "=")
			if found && strings.TrimSpace(key) == name {
				value = strings.TrimSpace(value)
				if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
					value = value[1 : len(value)-1]
				}
				return value
			}
		}
	}
	return ""
}

// Admission is the answer to a client that asks to be let in: [Accept], [Refuse] or [CallOut]. Nil is Accept.
type Admission interface{ admission() }

// Accept lets the client in, as far as this filter goes.
type Accept struct{}

// Refuse does not let the client in.
type Refuse struct {
	// Status is 300 to 599.
	Status uint16
	// Headers come besides those that the server sets itself.
	Headers []Header
	Body    string
}

// RetryAfter gives the same refusal with `Retry-After`, in whole seconds, rounded up (RFC 9110, section 10.2.3).
func (r Refuse) RetryAfter(d time.Duration) Refuse {
	seconds := max(1, int64((d+time.Second-1)/time.Second))
	headers := append([]Header(nil), r.Headers...)
	r.Headers = append(headers, Header{Name: "retry-after", Value: strconv.FormatInt(seconds, 10)})
	return r
}

func (Accept) admission()  {}
func (Refuse) admission()  {}
func (CallOut) admission() {}
