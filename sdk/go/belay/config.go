package belay

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// FieldError says what is wrong with a field of the config, for whoever wrote the YAML: field is a path from the config's root,
// like `rules[2].rate`; problem says what was expected.
func FieldError(field, problem string) error {
	return errors.New(field + ": " + problem)
}

// readConfig reads JSON into a filter's own type. No config at all (null) is read as an empty one.
func readConfig(text string, into any) error {
	if strings.TrimSpace(text) == "null" {
		text = "{}"
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return plain(err, text)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// plain puts a decoder's error into words for somebody who has never seen the JSON, nor the Go.
func plain(err error, text string) error {
	var unit unitError
	if errors.As(err, &unit) {
		if field := fieldOf(text, unit.written); field != "" {
			return FieldError(field, unit.Error())
		}
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		problem := wrong.Value + " found, " + expected(wrong.Type.Kind().String()) + " expected"
		if wrong.Field == "" {
			return errors.New(problem)
		}
		return FieldError(wrong.Field, problem)
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return FieldError(strings.Trim(name, `"`), "unknown field")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func expected(kind string) string {
	switch {
	case strings.HasPrefix(kind, "uint"):
		return "a whole number from 0"
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "slice" || kind == "array":
		return "a list"
	case kind == "map" || kind == "struct":
		return "an object"
	}
	return "a " + kind
}
