// Adds `x-addon: 1` to each request and to each response.
// Run: addon-examples/go/build && weir --addon addon-examples/go/header/header
package main

import (
	"context"
	"log"

	"weir"
)

// added answers an event with the headers of one side and ours behind them.
func added(path string) weir.Handler {
	return func(_ context.Context, event *weir.Event) (weir.Object, error) {
		headers := event.Headers(path)
		headers.Add("x-addon", "1")
		return weir.Patch(path, headers), nil
	}
}

func main() {
	addon := weir.New("header", "1")
	for name, path := range map[string]string{"request": "flow.request.headers", "response": "flow.response.headers"} {
		addon.On(name, weir.Object{"fields": []string{path}}, added(path))
	}
	if err := addon.Run(); err != nil {
		log.Fatal(err)
	}
}
