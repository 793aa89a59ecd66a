package main

import "github.com/belay-proxy/belay/sdk/go/belay"

// config is what the YAML says. What may be left out is a pointer, so that 0 is told from nothing.
type config struct {
	Words       []string `json:"words"`
	NoticeAfter *uint32  `json:"notice_after"`
	CloseAfter  *uint32  `json:"close_after"`
	PerMinute   *uint32  `json:"per_minute"`
}

// check fills in the defaults, and says what is wrong.
func (c *config) check() error {
	if len(c.Words) == 0 {
		return belay.FieldError("words", "a list of at least one word is wanted")
	}
	for _, word := range c.Words {
		if word == "" || !ascii(word) {
			return belay.FieldError("words", "a word is ASCII, and not empty")
		}
	}
	for _, number := range []struct {
		field    string
		value    **uint32
		standard uint32
	}{{"notice_after", &c.NoticeAfter, 3}, {"close_after", &c.CloseAfter, 10}, {"per_minute", &c.PerMinute, 600}} {
		if *number.value == nil {
			*number.value = &number.standard
		}
		if **number.value == 0 {
			return belay.FieldError(number.field, "a whole number from 1 is wanted")
		}
	}
	return nil
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
