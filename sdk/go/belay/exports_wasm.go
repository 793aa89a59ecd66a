package belay

import "unsafe"

// The world's exports. Each is entered held, and leaves so, but not when the filter panics: what it has to say is to be heard.

//go:wasmexport belay:filter/filter@0.1.0#configure
func exportConfigure(at addr, length uint32) addr {
	release()
	if exported == nil {
		return leave(giveError(errNotExported))
	}
	return leave(giveSubscription(exported.Configure(list{at, length}.text())))
}

type handshakeCall struct {
	session   uint32
	handshake rawHandshake
}

//go:wasmexport belay:filter/filter@0.1.0#on-handshake
func exportOnHandshake(call unsafe.Pointer) addr {
	release()
	c := (*handshakeCall)(call)
	return leave(giveAdmission(exported.OnHandshake(c.session, c.handshake.lift())))
}

type handshakeAnswerCall struct {
	handshakeCall
	answer rawAnswer
}

//go:wasmexport belay:filter/filter@0.1.0#on-handshake-answer
func exportOnHandshakeAnswer(call unsafe.Pointer) addr {
	release()
	c := (*handshakeAnswerCall)(call)
	response, err := c.answer.lift()
	return leave(giveAdmission(exported.OnHandshakeAnswer(c.session, c.handshake.lift(), response, err)))
}

//go:wasmexport belay:filter/filter@0.1.0#on-reopen
func exportOnReopen(call unsafe.Pointer) {
	release()
	c := (*handshakeCall)(call)
	exported.OnReopen(c.session, c.handshake.lift())
	leave(0)
}

// The message at hand. One call at a time: there is no other.
var incoming Incoming

//go:wasmexport belay:filter/filter@0.1.0#on-message
func exportOnMessage(session, direction, kind, size uint32, at addr, length uint32) addr {
	release()
	incoming = Incoming{Direction(direction), Kind(kind), size, list{at, length}.bytes()}
	return leave(giveVerdict(exported.OnMessage(session, &incoming)))
}

//go:wasmexport belay:filter/filter@0.1.0#on-message-answer
func exportOnMessageAnswer(session, direction, kind, size uint32, at addr, length uint32, failed, status uint32, headers addr, headersLen uint32, body addr, bodyLen uint32) addr {
	release()
	answer := flatAnswer(failed, status, headers, headersLen, body, bodyLen)
	response, err := answer.lift()
	incoming = Incoming{Direction(direction), Kind(kind), size, list{at, length}.bytes()}
	return leave(giveVerdict(exported.OnMessageAnswer(session, &incoming, response, err)))
}

//go:wasmexport belay:filter/filter@0.1.0#on-upstream
func exportOnUpstream(session, kind uint32, micros uint64) addr {
	release()
	return leave(giveReaction(exported.OnUpstream(session, UpstreamEvent{UpstreamKind(kind), micros})))
}

//go:wasmexport belay:filter/filter@0.1.0#on-heartbeat
func exportOnHeartbeat(session, direction uint32) addr {
	release()
	return leave(giveReaction(exported.OnHeartbeat(session, Direction(direction))))
}

//go:wasmexport belay:filter/filter@0.1.0#on-timer
func exportOnTimer(session, timer uint32) addr {
	release()
	return leave(giveReaction(exported.OnTimer(session, timer)))
}

//go:wasmexport belay:filter/filter@0.1.0#on-answer
func exportOnAnswer(session, failed, status uint32, headers addr, headersLen uint32, body addr, bodyLen uint32) addr {
	release()
	answer := flatAnswer(failed, status, headers, headersLen, body, bodyLen)
	response, err := answer.lift()
	return leave(giveReaction(exported.OnAnswer(session, response, err)))
}

//go:wasmexport belay:filter/filter@0.1.0#on-close
func exportOnClose(session, code uint32, reason addr, reasonLen uint32) {
	release()
	exported.OnClose(session, Close{uint16(code), list{reason, reasonLen}.text()})
	leave(0)
}

//go:wasmexport belay:filter/state@0.1.0#snapshot
func exportSnapshot(session uint32) addr {
	release()
	if exported != nil {
		if state := exported.Snapshot(session); state != nil {
			return leave(giveList(1, state, listOfBytes(state)))
		}
	}
	return leave(give(0, nil))
}

type restoreCall struct {
	handshakeCall
	state list
}

//go:wasmexport belay:filter/state@0.1.0#restore
func exportRestore(call unsafe.Pointer) addr {
	release()
	c := (*restoreCall)(call)
	if err := exported.Restore(c.session, c.handshake.lift(), c.state.copied()); err != nil {
		return leave(giveError(err))
	}
	return leave(give(0, nil))
}

func flatAnswer(failed, status uint32, headers addr, headersLen uint32, body addr, bodyLen uint32) rawAnswer {
	return rawAnswer{failed, uint16(status), list{headers, headersLen}, list{body, bodyLen}}
}
