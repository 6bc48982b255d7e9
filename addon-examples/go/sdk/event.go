package weir

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Event is one event of a hook.
type Event struct {
	Name    string
	Params  Object
	Flow    Object // `flow` of the parameters, nil where the event has none
	Attempt int    // 2 if another process died over it, else 1; 0 for one that is only observed

	addon  *Addon
	id     any
	handle func(*Event) (any, error)
	ctx    context.Context
	stop   context.CancelFunc
	files  map[any]*os.File // bodies, by the side that shows them or the value that gives them
	body   func(*Stream) error
}

// Get follows a path such as "flow.request.host" through the parameters; nil where it leads nowhere.
func (e *Event) Get(path string) any { return Get(e.Params, path) }

// Text is the byte string at a path as a Go string, which holds any bytes.
func (e *Event) Text(path string) string { return Text(e.Get(path)) }

// Headers are those at a path, such as "flow.response.headers".
func (e *Event) Headers(path string) Headers { return HeadersOf(e.Get(path)) }

// Cancelled says whether the core has withdrawn the event; nothing is answered then.
func (e *Event) Cancelled() bool { return e.ctx.Err() != nil }

// Extend asks for so much time from now on; all together not more than `limits.max_extension_ms`.
func (e *Event) Extend(by time.Duration) {
	e.addon.Notify("event.extend", Object{"id": e.id, "ms": by.Milliseconds()})
}

// Body has the event's body go through `handle` behind the answer: in hooks whose content is "stream", and behind a preview
// whose answer has `more` "stream". The body ends when `handle` returns; an error breaks it off. Without it the body passes.
func (e *Event) Body(handle func(stream *Stream) error) { e.body = handle }

// Content is the whole body of "request" or "response": from the line, by descriptor, or by reference, which needs the
// permission "body.read"; an error where the event does not show it as a whole.
func (e *Event) Content(side string) ([]byte, error) {
	content := Get(e.Flow, side+".content")
	size, ref := int(Number(Get(content, "size"))), Get(content, "ref")
	if file := e.files[side]; file != nil {
		data := make([]byte, size)
		_, err := file.ReadAt(data, 0)
		return data, err
	} else if ref == nil {
		return BytesOf(content)
	}
	data := make([]byte, 0, size)
	for len(data) < size {
		answer, err := e.addon.Call(e.ctx, "body.read", Object{"ref": ref, "offset": len(data)})
		if err != nil {
			return nil, err
		}
		piece, err := BytesOf(Get(answer, "data"))
		if err != nil || len(piece) == 0 {
			return nil, fmt.Errorf("expected %d bytes of a body, found %d (%v)", size, len(data), err)
		}
		data = append(data, piece...)
	}
	return data, nil
}

// serve runs the handler, answers, and serves the stream that opens behind the answer.
func (e *Event) serve() {
	defer e.close()
	var stream *Stream
	err := guarded(e.Name, func() error {
		result, err := e.handle(e)
		if err != nil || e.id == nil || e.Cancelled() {
			return err
		}
		values, _ := e.Params["options"].(Object) // In `initialize` and `configure`.
		for name, value := range values {
			e.addon.values.Store(name, value)
		}
		if changes, is := result.(Object); is && changes == nil {
			result = Object{}
		}
		// It is known before the answer leaves: its first piece may come at once.
		stream = e.opened(result)
		return e.addon.send(Object{"id": e.id, "result": result})
	})
	if stream != nil {
		defer e.addon.streams.Delete(key(stream.number))
	}
	if err == nil && stream != nil {
		stream.serve(e.body)
	} else if err != nil && e.id != nil && !e.Cancelled() {
		e.addon.send(Object{"id": e.id, "error": Object{"code": -32000, "message": err.Error()}})
	}
}

func (e *Event) close() {
	e.stop()
	e.addon.events.Delete(key(e.id))
	for _, file := range e.files {
		file.Close()
	}
}

// opened is the stream that opens behind this result, if one does; from then on it hears what the core says of it.
func (e *Event) opened(result any) *Stream {
	side := "response"
	if strings.HasPrefix(e.Name, "request") {
		side = "request"
	}
	shown, _ := Get(e.Flow, side+".content").(Object)
	isAnswered := side == "request" && Get(result, "flow.response") != nil
	isUnwanted := shown["preview"] != nil && Get(result, "more") != "stream"
	if shown["stream"] == nil || Get(result, "kill") == true || isAnswered || isUnwanted {
		return nil
	}
	// A reference back to what was shown is no change.
	message, _ := Get(result, "flow."+side).(Object)
	if own, has := message["content"]; has && Get(own, "stream") == nil && Get(own, "omitted") == nil {
		return nil
	}
	credit := e.addon.credit
	stream := &Stream{event: e, number: shown["stream"], most: (credit + 1) / 2, room: credit, end: Object{}}
	stream.changed = sync.NewCond(&sync.Mutex{})
	e.addon.streams.Store(key(stream.number), stream)
	return stream
}

// guarded turns a panic into an error; both go to standard error, with the trace of a panic.
func guarded(what string, run func() error) (err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("panic: %v", trouble)
			debug.PrintStack()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "weir: '%s': %v\n", what, err)
		}
	}()
	return run()
}
