package weir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Event is one event of a hook.
type Event struct {
	Name    string
	Params  Object
	Flow    Object // `flow` of the parameters, nil where the event has none
	Attempt int    // 2 if another process died over it, else 1

	addon *Addon
	id    any
	ctx   context.Context
	stop  context.CancelFunc
	files map[string]*os.File
	given []*given
	body  func(*Stream) error
}

// newEvent takes the descriptors that the event names, which have come before it.
func newEvent(addon *Addon, name string, id any, params Object) (*Event, error) {
	event := &Event{Name: name, Params: params, addon: addon, id: id, files: map[string]*os.File{}}
	event.Flow, _ = params["flow"].(Object)
	event.Attempt = int(Number(params["attempt"]))
	for _, side := range []string{"request", "response"} {
		if number := Get(event.Flow, side+".content.fd"); number != nil {
			file, err := addon.descriptors.take(key(number))
			if err != nil {
				return nil, err
			}
			event.files[key(number)] = file
		}
	}
	event.ctx, event.stop = context.WithCancel(context.Background())
	addon.events.Store(key(id), event)
	return event, nil
}

func (e *Event) close() {
	e.stop()
	e.addon.events.Delete(key(e.id))
	for _, file := range e.files {
		file.Close()
	}
	for _, body := range e.given {
		body.file.Close()
	}
}

// Get follows a path such as "flow.request.host" through the parameters; nil where it leads nowhere.
func (e *Event) Get(path string) any { return Get(e.Params, path) }

// Text is the byte string at a path as a Go string, which holds any bytes.
func (e *Event) Text(path string) string { return Text(e.Get(path)) }

// Headers are a copy of those at a path, such as "flow.response.headers".
func (e *Event) Headers(path string) Headers { return HeadersOf(e.Get(path)) }

// Cancelled says whether the core has withdrawn the event; nothing is answered then.
func (e *Event) Cancelled() bool { return e.ctx.Err() != nil }

// Extend asks for so much time from now on; all together not more than `limits.max_extension_ms`.
func (e *Event) Extend(time time.Duration) {
	e.addon.Notify("event.extend", Object{"id": e.id, "ms": time.Milliseconds()})
}

// ErrNotShown is what Content says of a body that the event does not show as a whole.
var ErrNotShown = errors.New("the body is not shown")

// Content is the whole body of "request" or "response": from the line, by descriptor, or by reference, which needs the
// permission "body.read". No body is nil.
func (e *Event) Content(side string) ([]byte, error) {
	content := Get(e.Flow, side+".content")
	size, ref := int(Number(Get(content, "size"))), Get(content, "ref")
	if file := e.files[key(Get(content, "fd"))]; file != nil {
		data := make([]byte, size)
		_, err := file.ReadAt(data, 0)
		return data, err
	} else if ref == nil {
		if object, is := content.(Object); is && object["b64"] == nil {
			return nil, ErrNotShown
		}
		return BytesOf(content)
	}
	data := make([]byte, 0, size)
	for len(data) < size {
		answer, err := e.addon.Call(e.ctx, "body.read", Object{"ref": ref, "offset": len(data)})
		if err != nil {
			return nil, err
		}
		piece, err := BytesOf(Get(answer, "data"))
		if err != nil {
			return nil, err
		} else if len(piece) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		data = append(data, piece...)
	}
	return data, nil
}

// Give is the content of these bytes for the answer to this event: by descriptor where they are many, that is agreed, and
// the system gives memory files, which it does not to confined addons; else in the line, which the core's limit bounds.
func (e *Event) Give(data []byte) any {
	if len(data) >= givenLeast && e.addon.descriptors != nil && e.id != nil {
		if body, err := sealed(data); err == nil {
			e.given = append(e.given, body)
			return body
		}
	}
	return ValueOf(data)
}

// Body has the event's body go through `handle` behind the answer: in hooks whose content is "stream", and behind a preview
// whose answer has `more` "stream". The body ends when `handle` returns; an error breaks it off. Without it the body passes.
func (e *Event) Body(handle func(stream *Stream) error) { e.body = handle }

// opened is the stream that opens behind this result, if one does.
func (e *Event) opened(result any) *Stream {
	side := "response"
	if strings.HasPrefix(e.Name, "request") {
		side = "request"
	}
	shown := Get(e.Flow, side+".content")
	isOver := Get(result, "kill") == true || (side == "request" && Get(result, "flow.response") != nil)
	isWanted := Get(shown, "preview") == nil || Get(result, "more") == "stream"
	if Get(shown, "stream") == nil || result == nil || isOver || !isWanted {
		return nil
	}
	// A reference back to what was shown is no change.
	message, _ := Get(result, "flow."+side).(Object)
	if own, has := message["content"]; has && Get(own, "stream") == nil && Get(own, "omitted") == nil {
		return nil
	}
	return e.addon.open(Get(shown, "stream"), e)
}

func key(id any) string { return fmt.Sprint(id) }
