package belay

import "unsafe"

// The world's imports. What gives a list asks for memory on the way, and so is called held.

// given is where an import puts what does not fit into a number: a tag, and what lies behind it.
var given struct {
	tag uint8
	at  addr
	len uint32
}

// givenNumber is the same with a u64 behind the tag, or a u32.
var givenNumber struct {
	tag    uint64
	number uint64
}

//go:wasmimport belay:filter/host@0.1.0 log
func importLog(level uint32, text string)

//go:wasmimport belay:filter/host@0.1.0 now-ms
func hostNowMs() uint64

//go:wasmimport belay:filter/host@0.1.0 unix-ms
func hostUnixMs() uint64

//go:wasmimport belay:filter/host@0.1.0 random
func hostRandom() uint64

//go:wasmimport belay:filter/host@0.1.0 count
func hostCount(name string, by uint64)

//go:wasmimport belay:filter/host@0.1.0 read-file
func importReadFile(name string, given unsafe.Pointer)

//go:wasmimport belay:filter/host@0.1.0 file-version
func hostFileVersion(name string) uint64

//go:wasmimport belay:filter/current@0.1.0 attribute
func importAttribute(name string, given unsafe.Pointer)

//go:wasmimport belay:filter/current@0.1.0 set-attribute
func currentSetAttribute(name, value string)

//go:wasmimport belay:filter/current@0.1.0 remove-attribute
func currentRemoveAttribute(name string)

//go:wasmimport belay:filter/current@0.1.0 set-upstream-header
func currentSetUpstreamHeader(name, value string)

//go:wasmimport belay:filter/current@0.1.0 offer-subprotocols
func importOfferSubprotocols(names unsafe.Pointer, count uint32)

//go:wasmimport belay:filter/current@0.1.0 default-subprotocol
func currentDefaultSubprotocol(name string)

//go:wasmimport belay:filter/current@0.1.0 set-timer
func currentSetTimer(timer uint32, afterMs uint64)

//go:wasmimport belay:filter/current@0.1.0 cancel-timer
func currentCancelTimer(timer uint32)

//go:wasmimport belay:filter/limiter@0.1.0 define
func importLimiterDefine(name string, tokens uint32, periodMs uint64, burst uint32, given unsafe.Pointer)

//go:wasmimport belay:filter/limiter@0.1.0 take
func importLimiterTake(limiter uint32, key string, tokens uint32, given unsafe.Pointer)

//go:wasmimport belay:filter/breaker@0.1.0 define
func importBreakerDefine(name string, windowMs uint64, resultsMin, failurePercent uint32, slowMs, openMs uint64, probes uint32, given unsafe.Pointer)

//go:wasmimport belay:filter/breaker@0.1.0 keyed
func breakerKeyed(breaker uint32, key string) uint32

//go:wasmimport belay:filter/breaker@0.1.0 admit
func importBreakerAdmit(breaker uint32, given unsafe.Pointer)

//go:wasmimport belay:filter/breaker@0.1.0 success
func breakerSuccess(breaker uint32, latencyUs uint64)

//go:wasmimport belay:filter/breaker@0.1.0 failure
func breakerFailure(breaker uint32)

//go:wasmimport belay:filter/breaker@0.1.0 peek
func importBreakerPeek(breaker uint32) uint32

//go:wasmimport belay:filter/store@0.1.0 get
func importStoreGet(key string, given unsafe.Pointer)

//go:wasmimport belay:filter/store@0.1.0 set
func importStoreSet(key string, value unsafe.Pointer, valueLen uint32, ttlMs uint64) uint32

//go:wasmimport belay:filter/store@0.1.0 remove
func storeRemove(key string)

//go:wasmimport belay:filter/store@0.1.0 add
func storeAdd(key string, by int64, ttlMs uint64) int64

// asked lets an import ask for memory, and gives what take makes of the list that it put there.
func asked[T any](call func(), take func(list) T) (value T, some bool) {
	mark := marked()
	hold()
	call()
	release()
	if given.tag != 0 {
		value, some = take(list{given.at, given.len}), true
	}
	mark.reset()
	return value, some
}

func hostLog(level Level, text string) { importLog(uint32(level), text) }

func hostReadFile(name string) ([]byte, bool) {
	return asked(func() { importReadFile(name, unsafe.Pointer(&given)) }, list.copied)
}

func currentAttribute(name string) (string, bool) {
	return asked(func() { importAttribute(name, unsafe.Pointer(&given)) }, list.text)
}

func currentOfferSubprotocols(names []string) {
	raw := make([]list, len(names))
	for i, name := range names {
		raw[i] = listOfText(name)
	}
	importOfferSubprotocols(unsafe.Pointer(unsafe.SliceData(raw)), uint32(len(raw)))
}

// defined is a result<u32, string>.
func defined(call func()) (id uint32, problem string) {
	problem, failed := asked(call, list.text)
	if failed && problem == "" {
		problem = "refused"
	}
	return uint32(given.at), problem
}

func limiterDefine(name string, tokens uint32, periodMs uint64, burst uint32) (uint32, string) {
	return defined(func() { importLimiterDefine(name, tokens, periodMs, burst, unsafe.Pointer(&given)) })
}

func limiterTake(limiter uint32, key string, tokens uint32) (uint64, bool) {
	importLimiterTake(limiter, key, tokens, unsafe.Pointer(&givenNumber))
	return grantedNumber()
}

// grantedNumber is a result<_, u64>.
func grantedNumber() (retryAfterMs uint64, ok bool) {
	if uint8(givenNumber.tag) == 0 {
		return 0, true
	}
	return givenNumber.number, false
}

func breakerDefine(name string, windowMs uint64, resultsMin, failurePercent uint32, slowMs, openMs uint64, probes uint32) (uint32, string) {
	return defined(func() {
		importBreakerDefine(name, windowMs, resultsMin, failurePercent, slowMs, openMs, probes, unsafe.Pointer(&given))
	})
}

func breakerAdmit(breaker uint32) (uint64, bool) {
	importBreakerAdmit(breaker, unsafe.Pointer(&givenNumber))
	return grantedNumber()
}

func breakerPeek(breaker uint32) uint8 { return uint8(importBreakerPeek(breaker)) }

func storeGet(key string) ([]byte, bool) {
	return asked(func() { importStoreGet(key, unsafe.Pointer(&given)) }, list.copied)
}

func storeSet(key string, value []byte, ttl uint64) bool {
	return importStoreSet(key, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), ttl) != 0
}
