package belay

// How the world's records and variants lie in memory, from what the host gives, and to what it is given.

type rawHeader struct{ name, value list }

// rawHandshake lies behind the session, and before what else a call is given.
type rawHandshake struct {
	sessionID, route, peerAddress      list
	peerPort                           uint16
	host, path, query, headers, protos list
}

func (raw *rawHandshake) lift() *Handshake {
	h := &Handshake{
		SessionID:   raw.sessionID.text(),
		Route:       raw.route.text(),
		PeerAddress: raw.peerAddress.text(),
		PeerPort:    raw.peerPort,
		Host:        raw.host.text(),
		Path:        raw.path.text(),
		Query:       raw.query.text(),
		Headers:     liftHeaders(raw.headers),
	}
	if protos := sliceOf[list](raw.protos); len(protos) > 0 {
		h.Subprotocols = make([]string, len(protos))
		for i, proto := range protos {
			h.Subprotocols[i] = proto.text()
		}
	}
	return h
}

func liftHeaders(l list) []Header {
	raw := sliceOf[rawHeader](l)
	if len(raw) == 0 {
		return nil
	}
	headers := make([]Header, len(raw))
	for i, header := range raw {
		headers[i] = Header{Name: header.name.text(), Value: header.value.text()}
	}
	return headers
}

// rawAnswer is a result<response, callout-error>: a failure lies in the first byte of status.
type rawAnswer struct {
	failed  uint32
	status  uint16
	headers list
	body    list
}

func (raw *rawAnswer) lift() (*Response, error) {
	if uint8(raw.failed) != 0 {
		return nil, CalloutError(uint8(raw.status))
	}
	return &Response{Status: raw.status, Headers: liftHeaders(raw.headers), Body: raw.body.copied()}, nil
}

// result is where what a call gives lies until the host has read it: a tag, and at most nine words behind it. What these point
// to is kept alive until the next call.
var result struct {
	tag   uint8
	words [9]uint32
	kept  any
	lists [][]rawHeader
}

// give makes the result of a tag and what lies behind it.
func give(tag uint8, kept any, words ...uint32) addr {
	result.tag = tag
	copy(result.words[:], words)
	result.kept = kept
	return addrOf(&result)
}

func (l list) words() (at, length uint32) { return uint32(l.at), l.len }

func giveList(tag uint8, kept any, l list) addr {
	at, length := l.words()
	return give(tag, kept, at, length)
}

func giveSubscription(s Subscription, err error) addr {
	if err != nil {
		return giveError(err)
	}
	backend, backendBytes := s.ToBackend.lower()
	client, clientBytes := s.ToClient.lower()
	events := bit(s.Handshake, 0) | bit(s.Upstream, 1) | bit(s.Heartbeat, 2) | bit(s.Close, 3)
	return give(0, nil, backend, backendBytes, client, clientBytes, events)
}

func (i Interest) lower() (tag, bytes uint32) { return uint32(i >> 32), uint32(i) }

func bit(set bool, place uint32) uint32 {
	if set {
		return 1 << place
	}
	return 0
}

func giveError(err error) addr {
	text := err.Error()
	return giveList(1, text, listOfText(text))
}

func giveMessage(tag uint8, m Message) addr {
	at, length := listOfBytes(m.Payload).words()
	return give(tag, m.Payload, uint32(m.Kind), at, length)
}

func giveClose(tag uint8, c Close) addr {
	at, length := listOfText(c.Reason).words()
	return give(tag, c.Reason, uint32(c.Code), at, length)
}

func giveCallOut(tag uint8, c CallOut) addr {
	method, methodLen := listOfText(c.Method).words()
	url, urlLen := listOfText(c.URL).words()
	headers, headersLen := lowerHeaders(c.Headers).words()
	body, bodyLen := listOfBytes(c.Body).words()
	timeout := uint32(min(millis(c.Timeout), 1<<32-1))
	return give(tag, c, method, methodLen, url, urlLen, headers, headersLen, body, bodyLen, timeout)
}

func lowerHeaders(headers []Header) list {
	if len(headers) == 0 {
		return list{}
	}
	raw := make([]rawHeader, len(headers))
	for i, header := range headers {
		raw[i] = rawHeader{listOfText(header.Name), listOfText(header.Value)}
	}
	result.lists = append(result.lists[:0], raw)
	return listOf(raw)
}

func giveVerdict(v Verdict) addr {
	switch v := v.(type) {
	case Remember:
		return give(1, nil)
	case Replace:
		return giveList(2, []byte(v), listOfBytes(v))
	case Reply:
		return giveMessage(3, Message(v))
	case Drop:
		return give(4, nil)
	case Heartbeat:
		if v.Answer == nil {
			return give(5, nil, 0)
		}
		at, length := listOfBytes(v.Answer.Payload).words()
		return give(5, v.Answer, 1, uint32(v.Answer.Kind), at, length)
	case Close:
		return giveClose(6, v)
	case CallOut:
		return giveCallOut(7, v)
	default:
		return give(0, nil)
	}
}

func giveReaction(r Reaction) addr {
	switch r := r.(type) {
	case Send:
		return giveMessage(1, Message(r))
	case Close:
		return giveClose(2, r)
	case CallOut:
		return giveCallOut(3, r)
	default:
		return give(0, nil)
	}
}

func giveAdmission(a Admission) addr {
	switch a := a.(type) {
	case Refuse:
		headers, headersLen := lowerHeaders(a.Headers).words()
		body, bodyLen := listOfText(a.Body).words()
		return give(1, a, uint32(a.Status), headers, headersLen, body, bodyLen)
	case CallOut:
		return giveCallOut(2, a)
	default:
		return give(0, nil)
	}
}
