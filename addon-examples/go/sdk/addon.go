// Package weir makes a program an addon of the proxy Weir: it speaks the protocol of Protocol/README.md, to whose sections
// the comments refer; the program declares what it wants to hear of and says what is to change. README.md has a first addon.
package weir

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
)

// Object is a JSON object as it is everywhere here: a plain map. Its numbers are json.Number, so that none loses a digit.
type Object = map[string]any

// Handler answers one event, in a goroutine of its own. The result is what changes (section 7), nil for nothing; an error
// fails the event. The context ends when the core withdraws the event, or with its stream.
type Handler func(ctx context.Context, event *Event) (Object, error)

// Hook says how an event is wanted; members and defaults are those of section 5.
type Hook struct {
	Name       string   `json:"name"`
	Filter     string   `json:"filter,omitempty"`
	Content    any      `json:"content,omitempty"` // "none", "whole", "decoded", "stream" or Object{"preview": bytes}
	Decode     bool     `json:"decode,omitempty"`
	Fields     []string `json:"fields,omitempty"`
	Observe    bool     `json:"observe,omitempty"`
	TimeoutMS  int      `json:"timeout_ms,omitempty"`
	OnFailure  string   `json:"on_failure,omitempty"` // "continue", "kill" or "retry"
	Idempotent bool     `json:"idempotent,omitempty"`
	Order      int      `json:"order,omitempty"`
}

// Option is a setting of the addon's own, see section 4 for the types.
type Option struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default any      `json:"default,omitempty"`
	Help    string   `json:"help,omitempty"`
	Choices []string `json:"choices,omitempty"`
}

// Addon is what was declared, and the connection once it runs. Declare before Run; Value, Call, Log and Metrics may be
// used from any goroutine while it runs.
type Addon struct {
	Name, Version string
	AtEnd         func() // is run once, at shutdown or when the connection ends

	hooks       []Hook
	handlers    map[string]Handler
	options     []Option
	commands    []Object
	run         map[string]func(context.Context, any) (any, error)
	permissions []string
	values      sync.Map // of options, by their names
	ending      sync.Once
	observed    chan func()
	link
}

// New begins an addon. Both texts are for the log and for people.
func New(name, version string) *Addon {
	run := map[string]func(context.Context, any) (any, error){}
	return &Addon{Name: name, Version: version, handlers: map[string]Handler{}, run: run, observed: make(chan func(), 4096)}
}

// On has the handler called for each event of the hook. Events that are only observed are handled one after the other.
func (a *Addon) On(hook Hook, handler Handler) {
	if a.handlers[hook.Name] != nil {
		panic("hook '" + hook.Name + "' is declared twice")
	}
	a.hooks, a.handlers[hook.Name] = append(a.hooks, hook), handler
}

// Option declares a setting; Value has what it is at the moment. A handler of "configure" finds new values in its event
// and may refuse them with an error; they hold when it has accepted them.
func (a *Addon) Option(option Option) {
	text, _ := json.Marshal(option.Default)
	value, _ := decoded(text)
	a.options = append(a.options, option)
	a.values.Store(option.Name, value)
}

// Value is an option's value as JSON: nil, bool, string, json.Number or []any. See also Number, Text and Texts.
func (a *Addon) Value(name string) any { value, _ := a.values.Load(name); return value }

// Command declares what others may have the addon do; `args` is what the caller sent, the result any JSON value.
func (a *Addon) Command(name, help string, run func(ctx context.Context, args any) (any, error)) {
	a.commands, a.run[name] = append(a.commands, Object{"name": name, "help": help}), run
}

// Permissions asks for calls of the core, such as "flow.get".
func (a *Addon) Permissions(names ...string) { a.permissions = append(a.permissions, names...) }

// Run connects and serves until the connection ends, which is no error.
func (a *Addon) Run() error {
	if err := a.connect(); err != nil {
		return err
	}
	defer a.end()
	go func() {
		for handle := range a.observed {
			handle()
		}
	}()
	for {
		message, err := a.next()
		if message == nil || err != nil {
			return err
		} else if err = a.received(message); err != nil {
			return err
		}
	}
}

func (a *Addon) end() {
	if a.AtEnd != nil {
		a.ending.Do(a.AtEnd)
	}
}

// received deals with one message of the core. It never waits: what takes time or writes has a goroutine of its own.
func (a *Addon) received(message Object) error {
	method, isCall := message["method"].(string)
	params, _ := message["params"].(Object)
	id, handler := message["id"], a.handlers[method]
	switch {
	case !isCall:
		a.answered(message)
	case method == "initialize":
		return a.greet(id, params)
	case method == "cancel":
		if event, is := a.events.Load(key(params["id"])); is {
			event.(*Event).stop()
		}
	case len(method) > 7 && method[:7] == "stream.":
		if stream, is := a.streams.Load(key(params["s"])); is {
			return stream.(*Stream).heard(method[7:], params)
		}
	case id == nil && handler == nil: // A notification that this version does not know, or drain.
	case method == "ping":
		go a.answer(id, Object{}, nil)
	case method == "shutdown":
		go func() { a.end(); a.answer(id, Object{}, nil) }()
	case method == "command" || method == "configure" || handler != nil:
		event, err := newEvent(a, method, id, params)
		if err != nil {
			return err
		} else if id != nil {
			go a.serve(event, handler)
			return nil
		}
		select {
		case a.observed <- func() { a.serve(event, handler) }:
		default:
			fmt.Fprintf(os.Stderr, "weir: %d observed events wait, one of '%s' is dropped\n", cap(a.observed), method)
		}
	default:
		go a.answer(id, nil, &Error{Code: -32601, Message: "no handler of '" + method + "'"})
	}
	return nil
}

// greet answers `initialize` with what was declared.
func (a *Addon) greet(id any, params Object) error {
	hooks := a.hooks
	if len(a.options) > 0 && a.handlers["configure"] == nil {
		hooks = append(hooks, Hook{Name: "configure"})
	}
	a.configure(params)
	result := Object{"protocol": 1, "name": a.Name, "version": a.Version, "limits": Object{"max_line": maxLine}, "hooks": append([]Hook{}, hooks...)}
	result["options"], result["commands"] = append([]Option{}, a.options...), append([]Object{}, a.commands...)
	result["permissions"], result["capabilities"] = append([]string{}, a.permissions...), a.agreed(params)
	return a.answer(id, result, nil)
}

// configure takes the values of declared options from `options` of the parameters.
func (a *Addon) configure(params Object) {
	values, _ := params["options"].(Object)
	for _, option := range a.options {
		if value, has := values[option.Name]; has {
			a.values.Store(option.Name, value)
		}
	}
}

// serve runs an event's handler, answers, and serves the stream that opens behind the answer.
func (a *Addon) serve(event *Event, handler Handler) {
	defer event.close()
	result, err := guarded(event.Name, func() (any, error) {
		if event.Name == "command" {
			name := Text(event.Params["name"])
			if run := a.run[name]; run != nil {
				return run(event.ctx, event.Params["args"])
			}
			return nil, fmt.Errorf("there is no command '%s'", name)
		} else if handler == nil {
			return Object{}, nil
		}
		result, err := handler(event.ctx, event)
		if result == nil {
			result = Object{}
		}
		return result, err
	})
	if err == nil && event.Name == "configure" {
		a.configure(event.Params)
	}
	if event.id == nil || event.Cancelled() {
		return
	}
	// The stream is known before the answer leaves: its first piece may come at once.
	stream := event.opened(result)
	err = a.answer(event.id, result, err, event.given...)
	if stream != nil && err == nil {
		stream.serve(event.body)
	}
}

// guarded turns a panic into an error; the trace of both goes to standard error.
func guarded(what string, run func() (any, error)) (result any, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			err = fmt.Errorf("panic: %v", trouble)
			fmt.Fprintf(os.Stderr, "weir: '%s': %v\n%s", what, err, debug.Stack())
		} else if err != nil {
			fmt.Fprintf(os.Stderr, "weir: '%s': %v\n", what, err)
		}
	}()
	return run()
}
