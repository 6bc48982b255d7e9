package weir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// BytesOf gives the bytes of a byte string of the wire: a text, or {"b64": …}. Null has none and is nil.
func BytesOf(value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(value), nil
	case Object:
		if coded, is := value["b64"].(string); is {
			return base64.StdEncoding.DecodeString(coded)
		}
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

// Text is a byte string as a Go string, which holds any bytes; empty for null and for what is none.
func Text(value any) string { data, _ := BytesOf(value); return string(data) }

// Texts are those of a list.
func Texts(value any) []string {
	var texts []string
	for _, item := range list(value) {
		texts = append(texts, Text(item))
	}
	return texts
}

// Number is a JSON number, 0 for anything else.
func Number(value any) float64 {
	number, _ := value.(json.Number)
	float, _ := number.Float64()
	return float
}

func list(value any) []any { items, _ := value.([]any); return items }

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
	steps := strings.Split(path, ".")
	for i := len(steps) - 1; i > 0; i-- {
		value = Object{steps[i]: value}
	}
	return Object{steps[0]: value}
}

// Respond is the result that answers a request without its server.
func Respond(status int, headers Headers, content []byte) Object {
	return Patch("flow.response", Object{"status_code": status, "headers": headers, "content": ValueOf(content)})
}

// Kill is the result that kills the flow.
func Kill() Object { return Object{"kill": true} }

// Headers are pairs of name and value in the order of the wire, any bytes; names are compared without case.
type Headers [][2]string

// HeadersOf takes headers or trailers from a message's JSON; nil where there are none.
func HeadersOf(value any) (headers Headers) {
	for _, field := range list(value) {
		if pair := list(field); len(pair) == 2 {
			headers = append(headers, [2]string{Text(pair[0]), Text(pair[1])})
		}
	}
	return headers
}

// MarshalJSON is a list of pairs of byte strings, as the wire has it.
func (h Headers) MarshalJSON() ([]byte, error) {
	fields := make([][2]any, len(h))
	for i, field := range h {
		fields[i] = [2]any{ValueOf([]byte(field[0])), ValueOf([]byte(field[1]))}
	}
	return json.Marshal(fields)
}

// All are the values of every field of that name.
func (h Headers) All(name string) (values []string) {
	for _, field := range h {
		if strings.EqualFold(field[0], name) {
			values = append(values, field[1])
		}
	}
	return values
}

// Get is the value of the first field of that name, empty if there is none.
func (h Headers) Get(name string) string { return append(h.All(name), "")[0] }

// Add puts a field behind the others.
func (h *Headers) Add(name, value string) { *h = append(*h, [2]string{name, value}) }

// Set gives the first field of that name another value and removes the others; where there is none it adds one.
func (h *Headers) Set(name, value string) {
	kept, done := Headers{}, false
	for _, field := range *h {
		if !strings.EqualFold(field[0], name) {
			kept = append(kept, field)
		} else if !done {
			kept, done = append(kept, [2]string{field[0], value}), true
		}
	}
	if *h = kept; !done {
		h.Add(name, value)
	}
}

// Remove takes away every field of that name.
func (h *Headers) Remove(name string) {
	kept := Headers{}
	for _, field := range *h {
		if !strings.EqualFold(field[0], name) {
			kept = append(kept, field)
		}
	}
	*h = kept
}

// decoded reads one JSON value; numbers stay as they are written.
func decoded(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err = decoder.Decode(&value); err == nil && decoder.More() {
		err = errors.New("more than one value")
	}
	return value, err
}
