package belay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time in a config, written with its unit: 250ms, 30s, 5m, 2h, 1d, or several in a row, 1m30s.
type Duration time.Duration

// ByteSize is a number of bytes in a config, written with its unit: 512B, 64KiB, 1MiB, 1GiB, or kB, MB, GB for powers of 1000.
type ByteSize uint64

var spans = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

var sizes = map[string]uint64{
	"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	rest, total := string(text), time.Duration(0)
	for {
		number, tail := digits(rest)
		unit := strings.IndexFunc(tail, func(r rune) bool { return '0' <= r && r <= '9' })
		if unit < 0 {
			unit = len(tail)
		}
		span, known := spans[tail[:unit]]
		amount, err := strconv.ParseInt(number, 10, 64)
		if !known || err != nil || amount > int64(Never-total)/int64(span) {
			return unitError{string(text), "a time with its unit, like 250ms, 30s, 5m, 2h or 1d"}
		}
		total += time.Duration(amount) * span
		if rest = tail[unit:]; rest == "" {
			*d = Duration(total)
			return nil
		}
	}
}

// UnmarshalText reads it.
func (s *ByteSize) UnmarshalText(text []byte) error {
	number, unit := digits(string(text))
	factor, known := sizes[strings.TrimSpace(unit)]
	amount, err := strconv.ParseUint(number, 10, 32)
	if !known || err != nil {
		return unitError{string(text), "a size with its unit, like 512B, 64KiB or 1MiB"}
	}
	*s = ByteSize(amount * factor)
	return nil
}

func digits(text string) (number, rest string) {
	end := 0
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	return text[:end], text[end:]
}

// unitError says what was written and what was expected. A decoder does not say which field it was: readConfig finds out.
type unitError struct{ written, expected string }

func (e unitError) Error() string { return fmt.Sprintf("%q is not %s", e.written, e.expected) }

// fieldOf gives the path of the first text like this in some JSON; empty if there is none.
func fieldOf(text, written string) string {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return ""
	}
	path, _ := pathOf(value, written)
	return strings.TrimPrefix(path, ".")
}

func pathOf(value any, written string) (path string, found bool) {
	switch value := value.(type) {
	case string:
		return "", value == written
	case []any:
		for i, item := range value {
			if path, found := pathOf(item, written); found {
				return "[" + strconv.Itoa(i) + "]" + path, true
			}
		}
	case map[string]any:
		for name, item := range value {
			if path, found := pathOf(item, written); found {
				return "." + name + path, true
			}
		}
	}
	return "", false
}
