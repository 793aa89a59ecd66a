package belay

import "time"

// Level is how loud a line in the log is.
type Level uint8

const (
	// Debug is for whoever looks for a fault in the filter.
	Debug Level = iota
	// Info is worth knowing.
	Info
	// Warn is wrong, and lived with.
	Warn
	// Error is wrong, and somebody must see to it.
	Error
)

// Log writes a line to the proxy's log, under the filter's and the session's name. Long lines are cut, floods are thinned.
func Log(level Level, text string) { hostLog(level, text) }

// Now is the time on a clock that never goes back, in whole milliseconds. Cheaper than [time.Now], which asks the same clock.
func Now() time.Duration { return time.Duration(hostNowMs()) * time.Millisecond }

// UnixNow is the wall clock's time, in whole milliseconds.
func UnixNow() time.Time { return time.UnixMilli(int64(hostUnixMs())) }

// Random is evenly spread; not for secrets.
func Random() uint64 { return hostRandom() }

// Count adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names a filter; what
// goes beyond is dropped.
func Count(name string, by uint64) { hostCount(name, by) }

// ReadFile gives the bytes of a file that the YAML gives this filter under `files`; false while it cannot be read.
func ReadFile(name string) ([]byte, bool) { return hostReadFile(name) }

// FileVersion changes whenever the content of the file does.
func FileVersion(name string) uint64 { return hostFileVersion(name) }
