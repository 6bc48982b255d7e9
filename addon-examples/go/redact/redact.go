// Masks members of JSON bodies by name, at any depth, in requests and in responses; every other byte stays as it is.
// Run: addon-examples/go/build && weir --addon addon-examples/go/redact/redact --set redact_members=password --set redact_members=token
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"strings"

	"weir"
)

const mask = `"***"`

// masked puts `mask` in the place of the value of each member that is named so. It reads tokens only, so that several
// values, one a line say, and a text that breaks off are masked as well: a value without an end is masked to the end.
func masked(text []byte, isNamed func(string) bool) []byte {
	var out bytes.Buffer
	for at := 0; at < len(text); {
		end := tokenEnd(text, at)
		out.Write(text[at:end])
		colon := skipped(text, end, " \t\r\n")
		var name string
		if text[at] == '"' && colon < len(text) && text[colon] == ':' && json.Unmarshal(text[at:end], &name) == nil && isNamed(name) {
			value := skipped(text, colon+1, " \t\r\n")
			out.Write(text[end:value])
			if end = valueEnd(text, value); end > value {
				out.WriteString(mask)
			}
		}
		at = end
	}
	return out.Bytes()
}

// tokenEnd is where the token ends that begins at `at`: a string, or one byte of anything else.
func tokenEnd(text []byte, at int) int {
	if text[at] != '"' {
		return at + 1
	}
	for at++; at < len(text); at++ {
		if text[at] == '\\' {
			at++
		} else if text[at] == '"' {
			return at + 1
		}
	}
	return len(text)
}

// valueEnd is where the value ends that begins at `at`.
func valueEnd(text []byte, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth < 0 || depth == 0 && (text[at] == ',' || text[at] == '\n') {
			return at
		}
		isWhole := depth == 0 && strings.IndexByte(`]}"`, text[at]) >= 0
		if at = tokenEnd(text, at); isWhole || depth == 0 && at < len(text) && strings.IndexByte(" \t\r", text[at]) >= 0 {
			return at
		}
	}
	return at
}

func skipped(text []byte, at int, over string) int {
	for at < len(text) && strings.IndexByte(over, text[at]) >= 0 {
		at++
	}
	return at
}

func main() {
	addon := weir.New("redact", "1")
	addon.Permissions("body.read")
	addon.Option("redact_members", weir.Object{
		"type": "sequence of str", "default": []string{"password", "secret", "token"},
		"help": "Names of JSON members whose values are masked, without case.",
	})
	isNamed := func(name string) bool {
		members, _ := addon.Value("redact_members").([]any)
		for _, wanted := range members {
			if strings.EqualFold(name, weir.Text(wanted)) {
				return true
			}
		}
		return false
	}
	for side, filter := range map[string]string{"request": "~tq json", "response": "~ts json"} {
		side := side
		// What cannot be masked does not pass: a flow fails whose body is not shown.
		members := weir.Object{"filter": filter, "content": "decoded", "on_failure": "kill"}
		members["fields"] = []string{"flow." + side + ".content"}
		addon.On(side, members, func(_ context.Context, event *weir.Event) (weir.Object, error) {
			body, err := event.Content(side)
			if err != nil {
				return nil, err
			}
			result := masked(body, isNamed)
			if bytes.Equal(result, body) {
				return nil, nil
			}
			return weir.Patch("flow."+side+".content", event.Give(result)), nil
		})
	}
	if err := addon.Run(); err != nil {
		log.Fatal(err)
	}
}
