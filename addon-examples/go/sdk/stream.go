package weir

import (
	"fmt"
	"io"
	"sync"
)

// Stream is a body that comes in pieces and goes as others, for one goroutine at a time. What was read counts as dealt with,
// and the core may send as much anew, when more is asked for; writing waits until the core takes it.
type Stream struct {
	event    *Event
	number   any
	most     int // bytes of one piece
	lock     sync.Mutex
	changed  *sync.Cond
	pieces   [][]byte
	rest     []byte
	dealt    int
	room     int
	ended    bool
	detached bool
	trailers any
	end      Object
	over     error
}

// Reset is the error of a stream that the core has ended; it says why, such as "client_gone".
type Reset string

func (why Reset) Error() string { return "the stream is over: " + string(why) }

// open makes the stream known, from which on it hears what the core says of it.
func (l *link) open(number any, event *Event) *Stream {
	stream := &Stream{event: event, number: number, most: (l.streamCredit + 1) / 2, room: l.streamCredit, end: Object{}}
	stream.changed = sync.NewCond(&stream.lock)
	l.streams.Store(key(number), stream)
	return stream
}

// heard takes a notification of the core. It never waits: credit bounds what may come.
func (s *Stream) heard(kind string, params Object) (err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	switch kind {
	case "data":
		piece, failure := BytesOf(params["data"])
		s.pieces, err = append(s.pieces, piece), failure
	case "credit":
		s.room += int(Number(params["bytes"]))
	case "end":
		s.ended, s.detached, s.trailers = true, params["detached"] == true, params["trailers"]
	case "reset":
		s.over = Reset(Text(params["why"]))
		s.event.stop()
	}
	s.changed.Broadcast()
	return err
}

// Read gives what comes, at most a piece at a time; its end is io.EOF, and a Reset that it is over.
func (s *Stream) Read(into []byte) (int, error) {
	if len(s.rest) == 0 && len(into) > 0 {
		if s.dealt > 0 {
			s.say("credit", Object{"bytes": s.dealt})
			s.dealt = 0
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		for len(s.pieces) == 0 && s.over == nil && !s.ended {
			s.changed.Wait()
		}
		if s.over != nil {
			return 0, s.over
		} else if len(s.pieces) == 0 {
			return 0, io.EOF
		}
		s.rest, s.pieces = s.pieces[0], s.pieces[1:]
	}
	count := copy(into, s.rest)
	s.rest, s.dealt = s.rest[count:], s.dealt+count
	return count, nil
}

// Write sends bytes as the core takes them.
func (s *Stream) Write(data []byte) (sent int, err error) {
	for {
		s.lock.Lock()
		for sent < len(data) && s.room <= 0 && s.over == nil {
			s.changed.Wait()
		}
		piece, over := data[sent:], s.over
		for _, most := range []int{s.room, s.most} {
			if len(piece) > most {
				piece = piece[:most]
			}
		}
		s.room -= len(piece)
		s.lock.Unlock()
		if over != nil || sent == len(data) {
			return sent, over
		}
		s.say("data", Object{"data": ValueOf(piece)})
		sent += len(piece)
	}
}

// Detach says that no more is wanted: what is under way still comes, then io.EOF, and the rest passes untouched.
func (s *Stream) Detach() { s.say("detach", Object{}) }

// Detached says, at the end of what comes, whether it ended because of Detach.
func (s *Stream) Detached() bool { return s.detached }

// Alive is a sign of life for one that needs longer than its hook's timeout for a piece.
func (s *Stream) Alive() { s.say("credit", Object{"bytes": 0}) }

// Trailers are those that came behind the body; nil where there are none, and before its end.
func (s *Stream) Trailers() Headers { return HeadersOf(s.trailers) }

// SetTrailers puts others in their place; empty ones are none.
func (s *Stream) SetTrailers(trailers Headers) {
	if s.end["trailers"] = nil; len(trailers) > 0 {
		s.end["trailers"] = trailers
	}
}

func (s *Stream) say(what string, params Object) {
	params["s"] = s.number
	s.event.addon.Notify("stream."+what, params)
}

// serve has the body go through `handle`, or past it where there is none, and ends the stream.
func (s *Stream) serve(handle func(*Stream) error) {
	defer s.event.addon.streams.Delete(key(s.number))
	if handle == nil {
		s.Detach()
		handle = func(s *Stream) error { _, err := io.Copy(s, s); return err }
	}
	_, err := guarded(fmt.Sprintf("stream of '%s'", s.event.Name), func() (any, error) { return nil, handle(s) })
	s.lock.Lock()
	defer s.lock.Unlock()
	if err != nil {
		s.end = Object{"status": "error", "message": err.Error()}
	}
	if s.over == nil {
		s.say("end", s.end)
	}
}
