// extproc SOCKET: the addon of Envoy's ext_proc filter. It reads every header it is shown, adds `x-addon: 1` to responses,
// and changes the first byte of a response's body where it is shown one.
//
// The few messages of envoy.service.ext_proc.v3 are read and written here by their field numbers, so that no generated code is needed.
package main

import (
	"encoding/binary"
	"errors"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// Fields of ProcessingRequest. An answer has the same one less one in ProcessingResponse.
const requestHeaders, responseHeaders, requestBody, responseBody = 2, 3, 4, 5

var errWire = errors.New("a message ends inside a field")

// raw hands gRPC messages over as their octets.
type raw struct{}

func (raw) Marshal(value interface{}) ([]byte, error)      { return *value.(*[]byte), nil }
func (raw) Unmarshal(data []byte, value interface{}) error { *value.(*[]byte) = data; return nil }
func (raw) Name() string                                   { return "proto" }

func varint(data []byte) (value uint64, rest []byte, err error) {
	for shift := uint(0); len(data) > 0 && shift < 64; shift += 7 {
		value |= uint64(data[0]&0x7f) << shift
		if data[0] < 0x80 {
			return value, data[1:], nil
		}
		data = data[1:]
	}
	return 0, nil, errWire
}

// field takes the first field off a message; value is empty but for fields that have a length.
func field(data []byte) (number uint64, value, rest []byte, err error) {
	key, data, err := varint(data)
	if err != nil {
		return 0, nil, nil, err
	}
	var size uint64
	switch key & 7 {
	case 0:
		_, data, err = varint(data)
	case 1:
		size = 8
	case 2:
		size, data, err = varint(data)
	case 5:
		size = 4
	default:
		err = errWire
	}
	if err != nil || size > uint64(len(data)) {
		return 0, nil, nil, errWire
	}
	return key >> 3, data[:size], data[size:], nil
}

// each calls use for every field of that number.
func each(data []byte, wanted uint64, use func([]byte) error) error {
	for len(data) > 0 {
		number, value, rest, err := field(data)
		if err != nil {
			return err
		}
		if number == wanted {
			if err := use(value); err != nil {
				return err
			}
		}
		data = rest
	}
	return nil
}

// nested puts a value into fields of these numbers, the innermost first, and copies it once.
func nested(value []byte, numbers ...byte) []byte {
	start := (1 + binary.MaxVarintLen64) * len(numbers)
	out := make([]byte, start+len(value))
	copy(out[start:], value)
	for _, number := range numbers {
		head := [1 + binary.MaxVarintLen64]byte{number<<3 | 2}
		size := 1 + binary.PutUvarint(head[1:], uint64(len(out)-start))
		start -= size
		copy(out[start:], head[:size])
	}
	return out[start:]
}

// HeaderValue{key: 1, raw_value: 3} in HeaderValueOption.header: 1 in HeaderMutation.set_headers: 1 in CommonResponse.header_mutation: 2
// in HeadersResponse.response: 1.
var mark = nested(append(nested([]byte("x-addon"), 1), nested([]byte("1"), 3)...), 1, 1, 2, 1)

func readHeaders(event []byte) (map[string]string, error) {
	headers := map[string]string{}
	return headers, each(event, 1, func(list []byte) error {
		return each(list, 1, func(header []byte) error {
			var name, value string
			for len(header) > 0 {
				number, text, rest, err := field(header)
				if err != nil {
					return err
				}
				if number == 1 {
					name = string(text)
				} else {
					value = string(text)
				}
				header = rest
			}
			headers[name] = value
			return nil
		})
	})
}

func answer(event []byte) ([]byte, error) {
	for len(event) > 0 {
		number, value, rest, err := field(event)
		if err != nil {
			return nil, err
		}
		event = rest
		var result []byte
		switch number {
		case requestHeaders, responseHeaders:
			headers, err := readHeaders(value)
			if err != nil {
				return nil, err
			}
			if number == responseHeaders && headers[":status"] != "" {
				result = mark
			}
		case requestBody:
		case responseBody:
			// Without a body there is no change. BodyMutation.body: 1 in CommonResponse.body_mutation: 3 in BodyResponse.response: 1.
			err := each(value, 1, func(body []byte) error {
				if len(body) > 0 {
					body[0] = 'b' // gRPC has given the message away
				}
				result = nested(body, 1, 3, 1, responseBody-1)
				return nil
			})
			if result != nil || err != nil {
				return result, err
			}
		default:
			continue
		}
		return nested(result, byte(number-1)), nil
	}
	return nil, errWire
}

// process serves one exchange: Envoy opens a stream for each.
func process(_ interface{}, stream grpc.ServerStream) error {
	for {
		var event []byte
		if stream.RecvMsg(&event) != nil {
			return nil
		}
		out, err := answer(event)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&out); err != nil {
			return err
		}
	}
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	encoding.RegisterCodec(raw{})
	server := grpc.NewServer(grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(1<<24))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.ext_proc.v3.ExternalProcessor",
		HandlerType: (*interface{})(nil),
		Streams:     []grpc.StreamDesc{{StreamName: "Process", Handler: process, ServerStreams: true, ClientStreams: true}},
	}, nil)
	log.Fatal(server.Serve(listener))
}
