package main

import (
	"slices"
	"strings"
)

// words are what is masked, by their first byte in lower case, the longest first.
type words [128][]string

func newWords(list []string) (w words) {
	for _, word := range list {
		word = strings.ToLower(word)
		w[word[0]] = append(w[word[0]], word)
	}
	for _, same := range w {
		slices.SortFunc(same, func(a, b string) int { return len(b) - len(a) })
	}
	return w
}

// mask puts as many stars in place of each word as it has bytes, and says how many words it found.
func (w *words) mask(text []byte) (found int) {
	for at := 0; at < len(text); {
		if word := w.at(text[at:]); word > 0 {
			found++
			for range word {
				text[at] = '*'
				at++
			}
		} else {
			at++
		}
	}
	return found
}

// at gives the length of the longest word that a text begins with; 0: none.
func (w *words) at(text []byte) int {
	first := lower(text[0])
	if first >= 0x80 {
		return 0
	}
	for _, word := range w[first] {
		if len(text) >= len(word) && sameLetters(text[:len(word)], word) {
			return len(word)
		}
	}
	return 0
}

func sameLetters(text []byte, word string) bool {
	for i := range text {
		if lower(text[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(letter byte) byte {
	if 'A' <= letter && letter <= 'Z' {
		letter += 'a' - 'A'
	}
	return letter
}
