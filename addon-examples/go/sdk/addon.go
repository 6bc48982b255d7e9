// Package weir makes a program an addon of the proxy Weir: it speaks the protocol of Protocol/README.md, to whose sections
// the comments refer; the program declares what it wants to hear of and says what is to change. README.md has a first addon.
package weir

import (
	"context"
	"encoding/json"
	"net"
	"sync"
)

// Object is a JSON object as it is everywhere here: a plain map, as encoding/json makes it.
type Object = map[string]any

// Handler answers one event, in a goroutine of its own. The result is what changes (section 7), nil for nothing; an error
// fails the event. The context ends when the core withdraws the event, or with its stream.
type Handler func(ctx context.Context, event *Event) (Object, error)

// Addon is what was declared, and the connection once it runs. Declare before Run; Value, Call, Notify, Log and Metrics may
// be used from any goroutine while it runs.
type Addon struct {
	AtEnd func() // is run once, at shutdown or when the connection ends

	hello    Object                               // the answer to `initialize`
	handlers map[string]func(*Event) (any, error) // of hooks by their names, of commands behind "command "
	values   sync.Map                             // of options, by their names
	observed chan *Event
	ending   sync.Once

	connection             net.Conn
	writing                sync.Mutex
	bodies                 *net.UnixConn // for descriptors, nil where they are not agreed
	longest, credit        int           // the core's limits: bytes of a line, and of a stream without its credit
	calls, events, streams sync.Map      // that are open, by their numbers
	called, given          int64         // the last numbers of our own: of calls, and of descriptors
}

// New begins an addon. Both texts are for the log and for people.
func New(name, version string) *Addon {
	a := &Addon{AtEnd: func() {}, observed: make(chan *Event, 4096)}
	a.hello = Object{"protocol": 1, "name": name, "version": version, "limits": Object{"max_line": maxLine}}
	a.handlers = map[string]func(*Event) (any, error){
		"initialize": a.greet,
		"ping":       func(*Event) (any, error) { return Object{}, nil },
		"shutdown":   func(*Event) (any, error) { a.ending.Do(a.AtEnd); return Object{}, nil },
	}
	return a
}

// declare puts an entry of these members into a list of the answer to `initialize`.
func (a *Addon) declare(list, name string, members Object) {
	entry := Object{"name": name}
	for member, value := range members {
		entry[member] = value
	}
	entries, _ := a.hello[list].([]Object)
	a.hello[list] = append(entries, entry)
}

// On has the handler called for each event of the hook, whose members are those of section 5: "filter", "content",
// "decode", "fields", "observe", "timeout_ms", "on_failure", "idempotent", "order". The events of one that only observes
// are handled one after the other.
func (a *Addon) On(hook string, members Object, handle Handler) {
	if a.handlers[hook] != nil {
		panic("hook '" + hook + "' is declared twice")
	}
	a.declare("hooks", hook, members)
	a.handlers[hook] = func(event *Event) (any, error) { return handle(event.ctx, event) }
}

// Option declares a setting; its members are those of section 4: "type", "default", "help", "choices". A handler of
// "configure" finds new values in its event and may refuse them with an error; they hold when it has accepted them.
func (a *Addon) Option(name string, members Object) {
	a.declare("options", name, members)
	var value any
	text, _ := json.Marshal(members["default"])
	json.Unmarshal(text, &value)
	a.values.Store(name, value)
}

// Value is an option's value at the moment, as JSON: nil, bool, string, float64 or []any. See also Number and Text.
func (a *Addon) Value(name string) any { value, _ := a.values.Load(name); return value }

// Command declares what others may have the addon do; `args` is what the caller sent, the result any JSON value.
func (a *Addon) Command(name, help string, run func(ctx context.Context, args any) (any, error)) {
	a.declare("commands", name, Object{"help": help})
	a.handlers["command "+name] = func(event *Event) (any, error) { return run(event.ctx, event.Params["args"]) }
}

// Permissions asks for calls of the core, such as "flow.get".
func (a *Addon) Permissions(names ...string) {
	before, _ := a.hello["permissions"].([]string)
	a.hello["permissions"] = append(before, names...)
}
