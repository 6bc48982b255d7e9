package weir

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// maxLine is the longest line that is read, in bytes; the core is told.
const maxLine = 16 << 20

// Error is what the core answers to a call that it refuses; `Kind` is a word of section 8.
type Error struct {
	Code                int
	Kind, Message, Path string
}

func (e *Error) Error() string { return e.Message }

// link is the connection and what is open on it, each by the text of its number.
type link struct {
	reader       *bufio.Reader
	writer       io.Writer
	writing      sync.Mutex
	descriptors  *descriptors
	streamCredit int
	lineLimit    int // of the core
	number       int64
	events       sync.Map
	streams      sync.Map
	calls        sync.Map
}

// connect takes the socket that WEIR_ADDON_FD or WEIR_ADDON_SOCKET names, else that of standard input.
func (l *link) connect() error {
	connection, err := dialed(os.Getenv("WEIR_ADDON_FD"), os.Getenv("WEIR_ADDON_SOCKET"))
	if err != nil {
		return fmt.Errorf("no connection to the core: %w", err)
	}
	// Room for the longest line, of which only what is used costs memory.
	l.reader, l.writer, l.streamCredit = bufio.NewReaderSize(connection, maxLine+1), connection, 262144
	l.lineLimit = maxLine
	return nil
}

func dialed(number, path string) (net.Conn, error) {
	if number == "" && path != "" {
		return net.Dial("unix", path)
	} else if number == "" {
		number = "0"
	}
	fd, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	} else if fd == 0 {
		os.Stdout = os.Stderr // Prints must not get onto the wire.
	}
	file := os.NewFile(uintptr(fd), "weir")
	defer file.Close() // The connection is a copy, which no process that we start gets.
	return net.FileConn(file)
}

// agreed takes from `initialize` what both sides keep to, and is the list of capabilities that are used.
func (l *link) agreed(params Object) []string {
	if credit := int(Number(Get(params, "limits.stream_credit"))); credit > 0 {
		l.streamCredit = credit
	}
	if limit := int(Number(Get(params, "limits.max_line"))); limit > 0 {
		l.lineLimit = limit
	}
	for _, name := range list(params["capabilities"]) {
		if name == "fd" {
			l.descriptors = openDescriptors()
		}
	}
	if l.descriptors != nil {
		return []string{"fd"}
	}
	return []string{}
}

// next is the next message, nil at the end of the connection.
func (l *link) next() (Object, error) {
	line, err := l.reader.ReadSlice('\n')
	if err == io.EOF {
		return nil, nil
	}
	value, failure := decoded(line)
	message, is := value.(Object)
	if err == nil && !is {
		err = fmt.Errorf("expected an object, found %.80q (%v)", line, failure)
	}
	if err != nil {
		return nil, fmt.Errorf("reading from the core: %w", err)
	}
	return message, nil
}

// send writes a message as one line in one piece. Numbers of descriptors rise in the order of their lines, so that bodies
// are sent together with the line that names them.
func (l *link) send(message Object, bodies []*given) error {
	message["jsonrpc"] = "2.0"
	if len(bodies) > 0 {
		l.writing.Lock()
		defer l.writing.Unlock()
		if err := l.descriptors.give(bodies); err != nil {
			return err
		}
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		return err
	} else if line.Len() > l.lineLimit+1 {
		return fmt.Errorf("a line of %d bytes, where the core takes %d", line.Len(), l.lineLimit)
	}
	if len(bodies) == 0 {
		l.writing.Lock()
		defer l.writing.Unlock()
	}
	l.writer.Write(line.Bytes()) // That the core is gone is the reader's to find.
	return nil
}

// Notify tells the core something that wants no answer.
func (l *link) Notify(method string, params Object) {
	if err := l.send(Object{"method": method, "params": params}, nil); err != nil {
		fmt.Fprintf(os.Stderr, "weir: '%s' is not sent: %v\n", method, err)
	}
}

// Log writes a line to the proxy's log; levels are debug, info, warn and error.
func (l *link) Log(level, text string) { l.Notify("log", Object{"level": level, "msg": text}) }

// Metrics adds to a counter that the core keeps; needs the permission "metrics.add".
func (l *link) Metrics(name string, value float64, labels map[string]string) {
	entry := Object{"name": name, "value": value}
	if labels != nil {
		entry["labels"] = labels
	}
	l.Notify("metrics.add", Object{"metrics": []Object{entry}})
}

// answer answers a request of the core; what cannot be written as JSON is answered with an error.
func (l *link) answer(id, result any, failure error, bodies ...*given) error {
	if failure == nil {
		if failure = l.send(Object{"id": id, "result": result}, bodies); failure == nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "weir: a result cannot be sent: %v\n", failure)
	}
	code := -32000
	if known, is := failure.(*Error); is {
		code = known.Code
	}
	l.send(Object{"id": id, "error": Object{"code": code, "message": failure.Error()}}, nil)
	return failure
}

// Call asks the core and waits for its answer; a refusal is an *Error.
func (l *link) Call(ctx context.Context, method string, params Object) (any, error) {
	number, came := atomic.AddInt64(&l.number, 1), make(chan Object, 1)
	l.calls.Store(key(number), came)
	defer l.calls.Delete(key(number))
	if err := l.send(Object{"id": number, "method": method, "params": params}, nil); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-came:
		failure := answer["error"]
		if failure == nil {
			return answer["result"], nil
		}
		kind, path := Text(Get(failure, "data.kind")), Text(Get(failure, "data.path"))
		return nil, &Error{int(Number(Get(failure, "code"))), kind, Text(Get(failure, "message")), path}
	}
}

func (l *link) answered(message Object) {
	if came, is := l.calls.LoadAndDelete(key(message["id"])); is {
		came.(chan Object) <- message
	}
}
