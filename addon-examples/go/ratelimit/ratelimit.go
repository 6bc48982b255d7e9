// Lets each client make so many requests a second, after a burst of so many; others are answered 429 with Retry-After.
// Run: addon-examples/go/build && weir --addon addon-examples/go/ratelimit/ratelimit --set ratelimit_rate=5
// Each process of the addon counts for itself; `addon_workers` gives all of a connection's requests to one of them.
package main

import (
	"container/list"
	"context"
	"errors"
	"log"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"weir"
)

// most is how many clients are remembered; of more, the one that was seen longest ago is forgotten.
const most = 10_000

// bucket is what one client has left: `tokens` requests at the time `seen`.
type bucket struct {
	client string
	tokens float64
	seen   time.Time
}

// buckets has one for each client, the one that was seen last in front.
type buckets struct {
	lock  sync.Mutex
	order *list.List
	known map[string]*list.Element
}

// take counts a request; what it returns is 0, or the seconds until the client may make another.
func (b *buckets) take(client string, rate, burst float64, now time.Time) float64 {
	b.lock.Lock()
	defer b.lock.Unlock()
	element := b.known[client]
	if element == nil {
		element = b.order.PushFront(&bucket{client, burst, now})
		b.known[client] = element
		if b.order.Len() > most {
			delete(b.known, b.order.Remove(b.order.Back()).(*bucket).client)
		}
	}
	b.order.MoveToFront(element)
	own := element.Value.(*bucket)
	own.tokens, own.seen = math.Min(burst, own.tokens+now.Sub(own.seen).Seconds()*rate), now
	if own.tokens < 1 {
		return (1 - own.tokens) / rate
	}
	own.tokens--
	return 0
}

// network is a client's address, of IPv6 the /64 that one client has to itself.
func network(address string) string {
	ip := net.ParseIP(address)
	if ip == nil || ip.To4() != nil {
		return address
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}

func main() {
	addon := weir.New("ratelimit", "1")
	rate := weir.Object{"type": "number", "default": 10, "help": "Requests a second of one client."}
	burst := weir.Object{"type": "int", "default": 20, "help": "Requests of one client at once."}
	addon.Option("ratelimit_rate", rate)
	addon.Option("ratelimit_burst", burst)
	addon.On("configure", nil, func(_ context.Context, event *weir.Event) (weir.Object, error) {
		rate, burst := event.Get("options.ratelimit_rate"), event.Get("options.ratelimit_burst")
		if weir.Number(rate) <= 0 || weir.Number(burst) < 1 {
			return nil, errors.New("ratelimit_rate must be above 0 and ratelimit_burst at least 1")
		}
		return nil, nil
	})
	clients := &buckets{order: list.New(), known: map[string]*list.Element{}}
	members := weir.Object{"fields": []string{"flow.client_conn.peername"}}
	addon.On("requestheaders", members, func(_ context.Context, event *weir.Event) (weir.Object, error) {
		peer, _ := event.Get("flow.client_conn.peername").([]any)
		if len(peer) == 0 {
			return nil, nil
		}
		rate, burst := weir.Number(addon.Value("ratelimit_rate")), weir.Number(addon.Value("ratelimit_burst"))
		wait := clients.take(network(weir.Text(peer[0])), rate, burst, time.Now())
		if wait == 0 {
			return nil, nil
		}
		var headers weir.Headers
		headers.Add("retry-after", strconv.Itoa(int(math.Ceil(wait))))
		headers.Add("content-type", "text/plain")
		return weir.Respond(429, headers, []byte("too many requests\n")), nil
	})
	if err := addon.Run(); err != nil {
		log.Fatal(err)
	}
}
