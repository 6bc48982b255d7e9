// Adds `x-NAME: 1` to responses.
package main

import (
	"context"
	"log"

	"weir"
)

func response(ctx context.Context, event *weir.Event) (weir.Object, error) {
	headers := event.Headers("flow.response.headers")
	headers.Add("x-NAME", "1")
	return weir.Patch("flow.response.headers", headers), nil
}

func main() {
	addon := weir.New("NAME", "1")
	addon.On("response", weir.Object{"fields": []string{"flow.response.headers"}}, response)
	if err := addon.Run(); err != nil {
		log.Fatal(err)
	}
}
