package weir

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxLine is the longest line that is read, in bytes; the core is told.
const maxLine = 16 << 20

// Error is what the core answers to a call that it refuses; `Kind` is a word of section 8.
type Error struct {
	Code          int
	Kind, Message string
}

func (e *Error) Error() string { return e.Message }

// dialed is the connection that a descriptor's number or a path names, else that of standard input.
func dialed(number, path string) (net.Conn, error) {
	if number == "" && path != "" {
		return net.Dial("unix", path)
	}
	fd, err := strconv.Atoi("0" + number)
	if err != nil {
		return nil, err
	} else if fd == 0 {
		os.Stdout = os.Stderr // Prints must not get onto the wire.
	}
	file := os.NewFile(uintptr(fd), "weir")
	defer file.Close() // The connection is a copy, which no process that we start gets.
	return net.FileConn(file)
}

// Run connects and serves until the connection ends, which is no error.
func (a *Addon) Run() (err error) {
	a.connection, err = dialed(os.Getenv("WEIR_ADDON_FD"), os.Getenv("WEIR_ADDON_SOCKET"))
	if err != nil {
		return fmt.Errorf("no connection to the core: %w", err)
	}
	a.openBodies()
	if a.hello["options"] != nil && a.handlers["configure"] == nil {
		a.On("configure", nil, func(context.Context, *Event) (Object, error) { return nil, nil })
	}
	defer func() { a.ending.Do(a.AtEnd) }()
	go func() {
		for event := range a.observed {
			event.serve()
		}
	}()
	lines := bufio.NewScanner(a.connection)
	for lines.Buffer(make([]byte, 1<<16), maxLine+2); lines.Scan(); {
		var message Object
		if err = json.Unmarshal(lines.Bytes(), &message); err == nil {
			err = a.received(message)
		}
		if err != nil {
			return fmt.Errorf("a line of the core, %.80q: %w", lines.Bytes(), err)
		}
	}
	return lines.Err()
}

// greet answers `initialize`, which says what the core takes.
func (a *Addon) greet(event *Event) (any, error) {
	a.credit, a.longest = int(Number(event.Get("limits.stream_credit"))), int(Number(event.Get("limits.max_line")))
	return a.hello, nil
}

// received deals with one message of the core. It never waits: what takes time or writes has a goroutine of its own.
func (a *Addon) received(message Object) error {
	method, _ := message["method"].(string)
	params, _ := message["params"].(Object)
	name, id := method, message["id"]
	if method == "command" {
		name += " " + Text(params["name"])
	}
	switch handle := a.handlers[name]; {
	case handle != nil:
		return a.begin(&Event{Name: method, Params: params, addon: a, id: id, handle: handle})
	case method == "":
		if came, is := a.calls.LoadAndDelete(key(id)); is {
			came.(chan Object) <- message
		}
	case method == "cancel":
		if event, is := a.events.Load(key(params["id"])); is {
			event.(*Event).stop()
		}
	case strings.HasPrefix(method, "stream."):
		if stream, is := a.streams.Load(key(params["s"])); is {
			return stream.(*Stream).heard(method, params)
		}
	case id != nil:
		go a.send(Object{"id": id, "error": Object{"code": -32601, "message": "no handler of '" + name + "'"}})
	}
	return nil
}

// begin has an event served: an observed one behind those before it.
func (a *Addon) begin(event *Event) error {
	event.Flow, _ = event.Params["flow"].(Object)
	event.Attempt = int(Number(event.Params["attempt"]))
	event.ctx, event.stop = context.WithCancel(context.Background())
	if err := event.takeBodies(); err != nil {
		return err
	} else if event.id != nil {
		a.events.Store(key(event.id), event)
		go event.serve()
		return nil
	}
	select {
	case a.observed <- event:
	default:
		fmt.Fprintf(os.Stderr, "weir: %d observed events wait, one of '%s' is dropped\n", cap(a.observed), event.Name)
	}
	return nil
}

// send writes a message as one line in one piece.
func (a *Addon) send(message Object) error {
	message["jsonrpc"] = "2.0"
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	a.writing.Lock() // Before the line is encoded, for the sake of the descriptors in it.
	defer a.writing.Unlock()
	if err := encoder.Encode(message); err != nil {
		return err
	} else if a.longest > 0 && line.Len() > a.longest+1 {
		return fmt.Errorf("a line of %d bytes, where the core takes %d", line.Len(), a.longest)
	}
	a.connection.Write(line.Bytes()) // That the core is gone is the reader's to find.
	return nil
}

// Notify tells the core something that wants no answer.
func (a *Addon) Notify(method string, params Object) {
	if err := a.send(Object{"method": method, "params": params}); err != nil {
		fmt.Fprintf(os.Stderr, "weir: '%s' is not sent: %v\n", method, err)
	}
}

// Log writes a line to the proxy's log; levels are debug, info, warn and error.
func (a *Addon) Log(level, text string) { a.Notify("log", Object{"level": level, "msg": text}) }

// Metrics adds to a counter that the core keeps; needs the permission "metrics.add".
func (a *Addon) Metrics(name string, value float64, labels map[string]string) {
	a.Notify("metrics.add", Object{"metrics": []Object{{"name": name, "value": value, "labels": labels}}})
}

// Call asks the core and waits for its answer; a refusal is an *Error.
func (a *Addon) Call(ctx context.Context, method string, params Object) (any, error) {
	number, came := atomic.AddInt64(&a.called, 1), make(chan Object, 1)
	a.calls.Store(number, came)
	defer a.calls.Delete(number)
	if err := a.send(Object{"id": number, "method": method, "params": params}); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-came:
		if failure := answer["error"]; failure != nil {
			kind, message := Text(Get(failure, "data.kind")), Text(Get(failure, "message"))
			return nil, &Error{int(Number(Get(failure, "code"))), kind, message}
		}
		return answer["result"], nil
	}
}
