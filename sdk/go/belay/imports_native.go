//go:build !wasm

package belay

import "github.com/belay-proxy/belay/sdk/go/internal/seam"

func hostLog(level Level, text string)            { seam.Current().Log(uint8(level), text) }
func hostNowMs() uint64                           { return seam.Current().NowMs() }
func hostUnixMs() uint64                          { return seam.Current().UnixMs() }
func hostRandom() uint64                          { return seam.Current().Random() }
func hostCount(name string, by uint64)            { seam.Current().Count(name, by) }
func hostReadFile(name string) ([]byte, bool)     { return seam.Current().ReadFile(name) }
func hostFileVersion(name string) uint64          { return seam.Current().FileVersion(name) }
func currentAttribute(name string) (string, bool) { return seam.Current().Attribute(name) }
func currentSetAttribute(name, value string)      { seam.Current().SetAttribute(name, value) }
func currentRemoveAttribute(name string)          { seam.Current().RemoveAttribute(name) }
func currentSetUpstreamHeader(name, value string) {
	seam.Current().SetUpstreamHeader(name, value)
}
func currentOfferSubprotocols(names []string) { seam.Current().OfferSubprotocols(names) }
func currentDefaultSubprotocol(name string)   { seam.Current().DefaultSubprotocol(name) }
func currentSetTimer(timer uint32, ms uint64) { seam.Current().SetTimer(timer, ms) }
func currentCancelTimer(timer uint32)         { seam.Current().CancelTimer(timer) }

func limiterDefine(name string, tokens uint32, periodMs uint64, burst uint32) (uint32, string) {
	return seam.Current().LimiterDefine(name, tokens, periodMs, burst)
}

func limiterTake(limiter uint32, key string, tokens uint32) (uint64, bool) {
	return seam.Current().LimiterTake(limiter, key, tokens)
}

func breakerDefine(name string, windowMs uint64, resultsMin, failurePercent uint32, slowMs, openMs uint64, probes uint32) (uint32, string) {
	return seam.Current().BreakerDefine(name, windowMs, resultsMin, failurePercent, slowMs, openMs, probes)
}
func breakerKeyed(breaker uint32, key string) uint32 {
	return seam.Current().BreakerKeyed(breaker, key)
}
func breakerAdmit(breaker uint32) (uint64, bool) { return seam.Current().BreakerAdmit(breaker) }
func breakerSuccess(breaker uint32, latencyUs uint64) {
	seam.Current().BreakerSuccess(breaker, latencyUs)
}
func breakerFailure(breaker uint32)      { seam.Current().BreakerFailure(breaker) }
func breakerPeek(breaker uint32) uint8   { return seam.Current().BreakerPeek(breaker) }
func storeGet(key string) ([]byte, bool) { return seam.Current().StoreGet(key) }
func storeSet(key string, value []byte, ttl uint64) bool {
	return seam.Current().StoreSet(key, value, ttl)
}
func storeRemove(key string) { seam.Current().StoreRemove(key) }
func storeAdd(key string, by int64, ttlMs uint64) int64 {
	return seam.Current().StoreAdd(key, by, ttlMs)
}
