package weir

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func read(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func text(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestNumbersAreNotChanged(t *testing.T) {
	for _, number := range []string{"9007199254740991", "-9007199254740991", "1.1", "1e+300", "1763700000.25"} {
		if back := text(t, read(t, `{"a":[`+number+`]}`)); back != `{"a":[`+number+`]}` {
			t.Error(number, "came back as", back)
		}
	}
}

func TestByteStringsAreTextsOrBase64(t *testing.T) {
	for _, data := range [][]byte{{}, []byte("größer"), {0xff, 0}, {0xe2, 0x80}} {
		back, err := BytesOf(read(t, text(t, ValueOf(data))))
		if err != nil || !bytes.Equal(back, data) {
			t.Error(data, "came back as", back, err)
		}
	}
	if form := text(t, ValueOf([]byte{0xff})); form != `{"b64":"/w=="}` {
		t.Error(form)
	}
	if none, err := BytesOf(nil); len(none) != 0 || err != nil {
		t.Error(none, err)
	}
	for _, bad := range []any{true, Object{"omitted": nil}, Object{"b64": "x"}, []any{}} {
		if data, err := BytesOf(bad); err == nil {
			t.Error(bad, "was read as", data)
		}
	}
}

func TestHeadersKeepOrderCaseAndRepetition(t *testing.T) {
	shown := `[["Set-Cookie","a"],["X",{"b64":"/w=="}],["set-cookie","b"]]`
	message := read(t, shown)
	headers, others := HeadersOf(message), HeadersOf(message)
	if all := headers.All("SET-COOKIE"); !reflect.DeepEqual(all, []string{"a", "b"}) {
		t.Error(all)
	}
	if headers.Get("x") != "\xff" || headers.Get("none") != "" {
		t.Error(headers)
	}
	headers.Add("X", "2")
	others.Add("Y", "3")
	headers.Set("SET-cookie", "c")
	headers.Set("new", "\xff", "1")
	if form := text(t, headers); form != `[["Set-Cookie","c"],["X",{"b64":"/w=="}],["X","2"],["new",{"b64":"/w=="}],["new","1"]]` {
		t.Error(form)
	}
	headers.Remove("x")
	if len(headers) != 3 || text(t, message) != shown {
		t.Error(headers, message)
	}
	headers.Set("new", "2", "3", "4")
	if all := headers.All("new"); !reflect.DeepEqual(all, []string{"2", "3", "4"}) {
		t.Error(all)
	}
}

func TestResultsHaveTheFormOfTheProtocol(t *testing.T) {
	for form, result := range map[string]Object{
		`{"flow":{"request":{"path":"/"}}}`: Patch("flow.request.path", "/"),
		`{"kill":true}`:                     Kill(),
		`{"flow":{"response":{"content":"a","headers":[["x","y"]],"status_code":200}}}`: Respond(200, Headers{[]any{"x", "y"}}, []byte("a")),
	} {
		if text(t, result) != form {
			t.Error(text(t, result))
		}
	}
	if form := text(t, Respond(204, nil, nil)); form != `{"flow":{"response":{"content":"","headers":[],"status_code":204}}}` {
		t.Error(form)
	}
	if Get(Object{"a": Object{"b": 1}}, "a.b") != 1 || Get(Object{"a": 1}, "a.b.c") != nil {
		t.Error("a path leads elsewhere")
	}
}

func TestAStreamOpensBehindAnAnswerThatLeavesTheBody(t *testing.T) {
	addon := New("a", "1")
	shown := map[string]string{"stream": `{"stream":5}`, "preview": `{"preview":"x","stream":5}`, "none": `""`}
	answered := Respond(200, nil, nil)
	request := &Event{Name: "request", addon: addon, Flow: read(t, `{"request":{"content":{"stream":4}}}`).(Object)}
	if request.opened(answered) != nil || request.opened(Object{}) == nil {
		t.Error("a request that is answered has a stream, or another has none")
	}
	for _, one := range []struct {
		shown, result string
		opens         bool
	}{
		{"stream", `{}`, true},
		{"stream", `{"flow":{"response":{"headers":[]}}}`, true},
		{"stream", `{"flow":{"response":{"content":{"stream":5}}}}`, true},
		{"stream", `{"flow":{"response":{"content":"own"}}}`, false},
		{"stream", `{"flow":{"response":{"content":null}}}`, false},
		{"stream", `{"kill":true}`, false},
		{"preview", `{}`, false},
		{"preview", `{"more":"stream"}`, true},
		{"preview", `{"more":"whole"}`, false},
		{"none", `{}`, false},
	} {
		event := &Event{Name: "response", addon: addon}
		event.Flow = read(t, `{"response":{"content":`+shown[one.shown]+`}}`).(Object)
		if opened := event.opened(read(t, one.result)) != nil; opened != one.opens {
			t.Error(one, opened)
		}
	}
}
