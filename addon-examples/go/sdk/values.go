package weir

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// BytesOf gives the bytes of a byte string of the wire: a text, or {"b64": …}. Null has none.
func BytesOf(value any) ([]byte, error) {
	if text, is := value.(string); is || value == nil {
		return []byte(text), nil
	} else if coded, is := Get(value, "b64").(string); is {
		return base64.StdEncoding.DecodeString(coded)
	}
	return nil, fmt.Errorf("expected a byte string, found %.80s", fmt.Sprint(value))
}

// ValueOf is the byte string of these bytes. Bytes never go into a result without it: encoding/json would mangle them.
func ValueOf(data []byte) any {
	if utf8.Valid(data) {
		return string(data)
	}
	return Object{"b64": base64.StdEncoding.EncodeToString(data)}
}

func wire(text string) any { return ValueOf([]byte(text)) }

// Text is a byte string as a Go string, which holds any bytes; empty for null and for what is none.
func Text(value any) string { data, _ := BytesOf(value); return string(data) }

// Number is a JSON number, 0 for anything else.
func Number(value any) float64 { number, _ := value.(float64); return number }

// key is a number of the wire as it is kept.
func key(number any) int64 { return int64(Number(number)) }

// Get follows a path such as "request.headers" through objects; nil where it leads nowhere.
func Get(value any, path string) any {
	for _, name := range strings.Split(path, ".") {
		object, _ := value.(Object)
		value = object[name]
	}
	return value
}

// Patch is the result that puts a value at a path, such as "flow.response.status_code".
func Patch(path string, value any) Object {
	if name, rest, isDeeper := strings.Cut(path, "."); isDeeper {
		return Object{name: Patch(rest, value)}
	}
	return Object{path: value}
}

// Respond is the result that answers a request without its server.
func Respond(status int, headers Headers, content []byte) Object {
	fields := append(Headers{}, headers...) // A list where there are none, too.
	return Patch("flow.response", Object{"status_code": status, "headers": fields, "content": ValueOf(content)})
}

// Kill is the result that kills the flow.
func Kill() Object { return Object{"kill": true} }

// Headers are the wire's list of pairs of byte strings, in its order; names are compared without case.
type Headers []any

// HeadersOf takes headers or trailers from a message's JSON, which they leave as it is; nil where there are none.
func HeadersOf(value any) Headers {
	fields, _ := value.([]any)
	return fields[:len(fields):len(fields)]
}

func isNamed(field any, name string) bool {
	pair, _ := field.([]any)
	return len(pair) == 2 && strings.EqualFold(Text(pair[0]), name)
}

// All are the values of every field of that name.
func (h Headers) All(name string) (values []string) {
	for _, field := range h {
		if isNamed(field, name) {
			values = append(values, Text(field.([]any)[1]))
		}
	}
	return values
}

// Get is the value of the first field of that name, empty if there is none.
func (h Headers) Get(name string) string { return append(h.All(name), "")[0] }

// Add puts a field behind the others.
func (h *Headers) Add(name, value string) { *h = append(*h, []any{wire(name), wire(value)}) }

// Set gives the fields of that name these values: fields beyond them go, values beyond the fields are added.
func (h *Headers) Set(name string, values ...string) {
	kept := Headers{}
	for _, field := range *h {
		if !isNamed(field, name) {
			kept = append(kept, field)
		} else if len(values) > 0 {
			kept, values = append(kept, []any{field.([]any)[0], wire(values[0])}), values[1:]
		}
	}
	for _, value := range values {
		kept.Add(name, value)
	}
	*h = kept
}

// Remove takes away every field of that name.
func (h *Headers) Remove(name string) { h.Set(name) }
