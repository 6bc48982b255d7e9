// A worker for the tests of the library for Go: what it does is said by its argument and by a request's path; see probe_cases.py.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"weir"
)

var (
	addon    = weir.New("probe", "1")
	release  = make(chan struct{})
	releases sync.Once
)

func plain() {
	addon.Permissions("flow.get", "metrics.add", "flow.comment")
	addon.Option("probe_number", weir.Object{"type": "int", "default": 5, "help": "A number."})
	addon.Option("probe_texts", weir.Object{"type": "sequence of str", "default": []string{"a", "b"}})
	addon.On("configure", nil, func(_ context.Context, event *weir.Event) (weir.Object, error) {
		if weir.Number(event.Get("options.probe_number")) < 0 {
			return nil, errors.New("at least 0")
		}
		return nil, nil
	})
	addon.Command("probe.add", "Adds.", func(_ context.Context, args any) (any, error) {
		return weir.Number(weir.Get(args, "a")) + weir.Number(weir.Get(args, "b")), nil
	})
	addon.Command("probe.fail", "Fails.", func(context.Context, any) (any, error) { return nil, errors.New("cannot do that") })
	addon.Command("probe.null", "Answers null.", func(context.Context, any) (any, error) { return nil, nil })
	for _, name := range []string{"start", "running", "done"} {
		name := name
		addon.On(name, nil, func(context.Context, *weir.Event) (weir.Object, error) {
			fmt.Println("probe saw", name)
			return nil, nil
		})
	}
	addon.AtEnd = func() { fmt.Println("probe is at its end") }
	addon.On("responseheaders", weir.Object{"observe": true}, func(context.Context, *weir.Event) (weir.Object, error) {
		addon.Metrics("observed", 1, nil)
		return nil, nil
	})
	addon.On("request", weir.Object{"timeout_ms": 1000, "filter": "!~u /unseen"}, request)
}

func request(ctx context.Context, event *weir.Event) (weir.Object, error) {
	headers := event.Headers("flow.request.headers")
	switch path := event.Text("flow.request.path"); path {
	case "/echo":
		return weir.Object{"flow": event.Flow}, nil
	case "/headers":
		headers.Set("x-one", "new")
		headers.Set("x-other", "added")
		headers.Remove("X-GONE")
		headers.Add("x-raw", "\xff")
		headers.Add("x-all", fmt.Sprint(headers.All("X-Many"), headers.Get("x-many"), "|", headers.Get("x-none"), "|"))
	case "/respond":
		own := weir.Headers{}
		own.Add("x-raw", "\xff")
		return weir.Respond(418, own, []byte{0, 255}), nil
	case "/kill":
		return weir.Kill(), nil
	case "/fail":
		return nil, errors.New("no database")
	case "/panic":
		panic("what now")
	case "/call":
		answer, err := addon.Call(ctx, "flow.get", weir.Object{"id": event.Flow["id"]})
		if err != nil {
			return nil, err
		}
		headers.Add("x-path", weir.Text(weir.Get(answer, "flow.request.path")))
	case "/refused":
		_, err := addon.Call(ctx, "flow.kill", weir.Object{"id": event.Flow["id"]})
		var refusal *weir.Error
		if errors.As(err, &refusal) {
			headers.Add("x-refused", fmt.Sprint(refusal.Code, " ", refusal.Kind))
		}
	case "/extend":
		event.Extend(5 * time.Second)
		time.Sleep(1300 * time.Millisecond)
		headers.Add("x-done", "1")
	case "/held":
		select {
		case <-ctx.Done():
			addon.Log("warn", fmt.Sprint("probe: withdrawn ", event.Cancelled()))
			return nil, ctx.Err()
		case <-release:
			headers.Add("x-held", "1")
		}
	case "/release":
		releases.Do(func() { close(release) })
	case "/option":
		headers.Add("x-option", fmt.Sprintf("%v%v", addon.Value("probe_number"), addon.Value("probe_texts")))
	case "/metrics":
		addon.Metrics("probe", 2, map[string]string{"kind": "a"})
		addon.Log("warn", "a line of the probe")
	case "/unwritable":
		return weir.Object{"flow": func() {}}, nil
	}
	return weir.Patch("flow.request.headers", headers), nil
}

func bodies() {
	addon.Permissions("body.read")
	addon.On("response", weir.Object{"content": "whole"}, func(_ context.Context, event *weir.Event) (weir.Object, error) {
		body, err := event.Content("response")
		if err != nil {
			return nil, err
		}
		headers := event.Headers("flow.response.headers")
		headers.Add("x-size", fmt.Sprint(len(body)))
		result := weir.Object{"headers": headers}
		if strings.HasPrefix(event.Text("flow.request.path"), "/turn") {
			for i, k := 0, len(body)-1; i < k; i, k = i+1, k-1 {
				body[i], body[k] = body[k], body[i]
			}
			result["content"] = event.Give(body)
		}
		return weir.Patch("flow.response", result), nil
	})
}

// capitals changes ASCII letters alone, so that it does not matter where a piece ends.
func capitals(piece []byte) []byte {
	for i, letter := range piece {
		if 'a' <= letter && letter <= 'z' {
			piece[i] = letter - 32
		}
	}
	return piece
}

func upper(stream *weir.Stream) error {
	buffer := make([]byte, 50_000)
	for {
		count, err := stream.Read(buffer)
		if _, failure := stream.Write(capitals(buffer[:count])); failure != nil {
			return failure
		} else if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func first(stream *weir.Stream) []byte {
	buffer := make([]byte, 1<<20)
	count, _ := stream.Read(buffer)
	return capitals(buffer[:count])
}

func streams() {
	for _, name := range []string{"request", "response"} {
		name := name
		addon.On(name, weir.Object{"content": "stream"}, func(_ context.Context, event *weir.Event) (weir.Object, error) {
			switch path := event.Text("flow.request.path"); {
			case path == "/none":
			case path == "/answered" && name == "request":
				event.Body(func(stream *weir.Stream) error {
					fmt.Println("probe: a stream of an answered request")
					return upper(stream)
				})
				return weir.Respond(418, nil, []byte("own")), nil
			case path == "/own" && name == "response":
				event.Body(upper)
				return weir.Patch("flow.response.content", "own"), nil
			case path == "/trailers":
				event.Body(func(stream *weir.Stream) error {
					err := upper(stream)
					trailers := stream.Trailers()
					trailers.Set("x-sum", trailers.Get("x-sum")+"!")
					stream.SetTrailers(trailers)
					return err
				})
			case path == "/early" && name == "response":
				event.Body(func(stream *weir.Stream) error {
					first(stream)
					_, err := stream.Write([]byte("enough"))
					return err
				})
			case path == "/detach":
				event.Body(func(stream *weir.Stream) error {
					stream.Write(first(stream))
					stream.Detach()
					_, err := io.Copy(stream, stream)
					fmt.Println("probe detached:", stream.Detached())
					return err
				})
			case path == "/error" && name == "response":
				event.Body(func(stream *weir.Stream) error {
					stream.Write(first(stream))
					return errors.New("no more memory")
				})
			case path == "/panic" && name == "response":
				event.Body(func(stream *weir.Stream) error { panic("in a stream") })
			case path == "/left" && name == "response":
				event.Body(func(stream *weir.Stream) error {
					err := upper(stream)
					fmt.Println("probe:", err)
					return err
				})
			default:
				event.Body(upper)
			}
			return nil, nil
		})
	}
}

func previews() {
	members := weir.Object{"content": weir.Object{"preview": 4}}
	addon.On("response", members, func(_ context.Context, event *weir.Event) (weir.Object, error) {
		switch event.Text("flow.response.content.preview") {
		case "":
			body, err := event.Content("response")
			return weir.Patch("flow.response.content", weir.ValueOf(append([]byte("whole: "), body...))), err
		case "whol":
			return weir.Object{"more": "whole"}, nil
		case "flow":
			event.Body(upper)
			return weir.Object{"more": "stream"}, nil
		}
		return nil, nil
	})
}

func main() {
	map[string]func(){"plain": plain, "bodies": bodies, "streams": streams, "previews": previews}[os.Args[1]]()
	if err := addon.Run(); err != nil {
		log.Fatal(err)
	}
}
