// spoa SOCKET: the addon of HAProxy's SPOE filter (SPOP 2.0 with pipelining). It reads every argument and every header it is sent,
// and sets the variable `mark` of each response to "1". Answers to all that one read brought leave in one write.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"os"
)

const (
	hello, disconnect, notify                = 1, 2, 3
	agentHello, agentDisconnect, acknowledge = 101, 102, 103
	isLast                                   = 1
	longestFrame                             = 16380
	text                                     = 8
	unsigned                                 = 3
)

var errFrame = errors.New("a frame ends inside a value")

// reader takes values off a payload; once there is one too few, failed stays true.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) bytes(count uint64) []byte {
	if count > uint64(len(r.data)) {
		r.failed, r.data = true, nil
		return nil
	}
	taken := r.data[:count]
	r.data = r.data[count:]
	return taken
}

func (r *reader) octet() byte {
	if taken := r.bytes(1); len(taken) == 1 {
		return taken[0]
	}
	return 0
}

// integer: one octet up to 239; else its low nibble, and seven bits in each further octet.
func (r *reader) integer() uint64 {
	value := uint64(r.octet())
	if value < 240 {
		return value
	}
	for shift := uint(4); !r.failed && shift < 64; shift += 7 {
		group := r.octet()
		value += uint64(group) << shift
		if group < 128 {
			break
		}
	}
	return value
}

func (r *reader) text() []byte { return r.bytes(r.integer()) }

// value is a typed one: its octets where it has some.
func (r *reader) value() []byte {
	switch r.octet() & 0x0f {
	case 0, 1:
		return nil
	case 2, 3, 4, 5:
		r.integer()
		return nil
	case 6:
		return r.bytes(4)
	case 7:
		return r.bytes(16)
	}
	return r.text()
}

func appendInteger(to []byte, value uint64) []byte {
	if value < 240 {
		return append(to, byte(value))
	}
	to = append(to, byte(value)|0xf0)
	for value = (value - 240) >> 4; value >= 128; value = (value - 128) >> 7 {
		to = append(to, byte(value)|0x80)
	}
	return append(to, byte(value))
}

func appendText(to []byte, value string) []byte {
	return append(appendInteger(to, uint64(len(value))), value...)
}

func appendPair(to []byte, key, value string) []byte {
	return appendText(append(appendText(to, key), text), value)
}

func greeting() []byte {
	out := appendPair(nil, "version", "2.0")
	out = appendInteger(append(appendText(out, "max-frame-size"), unsigned), longestFrame)
	return appendPair(out, "capabilities", "pipelining")
}

// headers counts the pairs of a binary list, which an empty name ends.
func headers(list []byte) int {
	r := reader{data: list}
	for count := 0; ; count++ {
		name := r.text()
		r.text()
		if len(name) == 0 || r.failed {
			return count
		}
	}
}

// actions answers the messages of a NOTIFY frame.
func actions(payload []byte) ([]byte, error) {
	var out []byte
	for r := (reader{data: payload}); len(r.data) > 0; {
		name, seen := r.text(), 0
		for count := r.octet(); count > 0; count-- {
			r.text() // the argument's name, empty unless one is given
			seen += headers(r.value())
		}
		if r.failed {
			return nil, errFrame
		}
		if string(name) == "on-response" && seen > 0 {
			out = append(out, 1, 3, 2) // set a variable, by three arguments: of the transaction
			out = appendPair(out, "mark", "1")
		}
	}
	return out, nil
}

func serve(connection net.Conn) error {
	defer connection.Close()
	in, out := bufio.NewReaderSize(connection, 1<<16), bufio.NewWriterSize(connection, 1<<16)
	frame := make([]byte, longestFrame)
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(in, frame[:4]); err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(frame)
		if size < 7 || size > longestFrame {
			return errFrame
		}
		if _, err := io.ReadFull(in, frame[:size]); err != nil {
			return err
		}
		r := reader{data: frame[5:size]}
		r.integer() // the stream, the frame
		r.integer()
		ids := frame[5 : int(size)-len(r.data)]
		kind, payload := byte(acknowledge), []byte(nil)
		var err error
		switch frame[0] {
		case hello:
			kind, payload = agentHello, greeting()
		case notify:
			payload, err = actions(r.data)
		case disconnect:
			kind = agentDisconnect
		default:
			continue
		}
		if err != nil || r.failed {
			return errFrame
		}
		var head [9]byte
		binary.BigEndian.PutUint32(head[:], uint32(5+len(ids)+len(payload)))
		head[4], head[8] = kind, isLast
		out.Write(head[:])
		out.Write(ids)
		out.Write(payload)
		if kind == agentDisconnect {
			return out.Flush()
		}
	}
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if err := serve(connection); err != nil && err != io.EOF {
				log.Print(err)
			}
		}()
	}
}
