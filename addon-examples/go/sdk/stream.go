package weir

import (
	"bytes"
	"io"
	"sync"
)

// Stream is a body that comes in pieces and goes as others, for one goroutine at a time. What was read counts as dealt with,
// and the core may send as much anew, when more is asked for; writing waits until the core takes it.
type Stream struct {
	event   *Event
	number  any
	most    int // bytes of one piece, and that are dealt with before the core is told
	changed *sync.Cond
	came    bytes.Buffer
	dealt   int    // bytes that were read since the core was told
	room    int    // bytes that the core takes
	last    Object // what the core said at the end of what comes, nil before
	over    error
	end     Object // what is said at the end
}

// Reset is the error of a stream that the core has ended; it says why, such as "client_gone".
type Reset string

func (why Reset) Error() string { return "the stream is over: " + string(why) }

// heard takes a notification of the core. It never waits: credit bounds what may come.
func (s *Stream) heard(method string, params Object) (err error) {
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	switch method {
	case "stream.data":
		var piece []byte
		piece, err = BytesOf(params["data"])
		s.came.Write(piece)
	case "stream.credit":
		s.room += int(Number(params["bytes"]))
	case "stream.end":
		s.last = params
	case "stream.reset":
		s.over = Reset(Text(params["why"]))
		s.event.stop()
	}
	s.changed.Broadcast()
	return err
}

// Read gives what has come; its end is io.EOF, and a Reset that it is over.
func (s *Stream) Read(into []byte) (int, error) {
	if s.dealt >= s.most/2 {
		s.say("credit", Object{"bytes": s.dealt})
		s.dealt = 0
	}
	s.changed.L.Lock()
	defer s.changed.L.Unlock()
	for s.came.Len() == 0 && s.last == nil && s.over == nil {
		s.changed.Wait()
	}
	if s.over != nil {
		return 0, s.over
	}
	count, err := s.came.Read(into)
	s.dealt += count
	return count, err
}

// Write sends bytes as the core takes them.
func (s *Stream) Write(data []byte) (sent int, err error) {
	for sent < len(data) {
		s.changed.L.Lock()
		for s.room <= 0 && s.over == nil {
			s.changed.Wait()
		}
		piece, over := data[sent:], s.over
		for _, most := range []int{s.room, s.most} {
			if len(piece) > most {
				piece = piece[:most]
			}
		}
		s.room -= len(piece)
		s.changed.L.Unlock()
		if over != nil {
			return sent, over
		}
		s.say("data", Object{"data": ValueOf(piece)})
		sent += len(piece)
	}
	return sent, nil
}

// Detach says that no more is wanted: what is under way still comes, then io.EOF, and the rest passes untouched.
func (s *Stream) Detach() { s.say("detach", Object{}) }

// Detached says, at the end of what comes, whether it ended because of Detach.
func (s *Stream) Detached() bool { return s.last["detached"] == true }

// Alive is a sign of life for one that needs longer than its hook's timeout for a piece.
func (s *Stream) Alive() { s.say("credit", Object{"bytes": 0}) }

// Trailers are those that came behind the body; nil where there are none, and before its end.
func (s *Stream) Trailers() Headers { return HeadersOf(s.last["trailers"]) }

// SetTrailers puts others in their place; empty ones are none.
func (s *Stream) SetTrailers(trailers Headers) { s.end["trailers"] = trailers }

func (s *Stream) say(what string, params Object) {
	params["s"] = s.number
	s.event.addon.Notify("stream."+what, params)
}

// serve has the body go through `handle`, or past it where there is none, and ends the stream.
func (s *Stream) serve(handle func(*Stream) error) {
	if handle == nil {
		s.Detach()
		handle = func(s *Stream) error { _, err := io.Copy(s, s); return err }
	}
	if err := guarded(s.event.Name, func() error { return handle(s) }); err != nil {
		s.end = Object{"status": "error", "message": err.Error()}
	}
	s.say("end", s.end)
}
