package weir

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// givenLeast is the size in bytes from which bodies are given by descriptor.
const givenLeast = 64 << 10

// descriptors is the socket beside the line, see section 17.
type descriptors struct {
	socket *net.UnixConn
	sent   int64
}

// given is a body in a sealed memory file. It has a number from when its packet is sent.
type given struct {
	file   *os.File
	size   int
	number int64
}

// MarshalJSON is the content that stands for the body.
func (g *given) MarshalJSON() ([]byte, error) {
	if g.number == 0 {
		return nil, fmt.Errorf("what Give makes is for the answer to its event alone")
	}
	return []byte(fmt.Sprintf(`{"fd":%d,"size":%d}`, g.number, g.size)), nil
}

func openDescriptors() *descriptors {
	if number := os.Getenv("WEIR_ADDON_FDS"); number != "" {
		connection, _ := dialed(number, "")
		if socket, is := connection.(*net.UnixConn); is {
			return &descriptors{socket: socket}
		}
	}
	return nil
}

// take reads packets until that of the number; those before it are of events that were withdrawn.
func (d *descriptors) take(wanted string) (*os.File, error) {
	payload, rights := make([]byte, 32), make([]byte, syscall.CmsgSpace(4))
	for d != nil {
		count, size, _, _, err := d.socket.ReadMsgUnix(payload, rights)
		messages, _ := syscall.ParseSocketControlMessage(rights[:size])
		if err != nil || len(messages) != 1 {
			return nil, fmt.Errorf("expected descriptor %s, found %d (%v)", wanted, len(messages), err)
		}
		files, err := syscall.ParseUnixRights(&messages[0])
		if err != nil {
			return nil, err
		}
		file := os.NewFile(uintptr(files[0]), "body")
		if string(payload[:count]) == wanted {
			return file, nil
		}
		file.Close()
	}
	return nil, fmt.Errorf("the core names descriptor %s, which was not agreed", wanted)
}

// give sends the packets of bodies; the line that names them must follow before another's.
func (d *descriptors) give(bodies []*given) error {
	for _, body := range bodies {
		d.sent += 2
		body.number = d.sent
		_, _, err := d.socket.WriteMsgUnix([]byte(fmt.Sprint(d.sent)), syscall.UnixRights(int(body.file.Fd())), nil)
		if err != nil {
			return fmt.Errorf("a body of %d bytes cannot be given: %w", body.size, err)
		}
	}
	return nil
}

// memfdCreate has the numbers of the system call, which the standard library does not name.
var memfdCreate = map[string]uintptr{"386": 356, "amd64": 319, "arm": 385, "arm64": 279, "riscv64": 279, "s390x": 350}

// sealed puts bytes into a memory file that nobody can change any more.
func sealed(data []byte) (*given, error) {
	const cloexec, allowSealing, addSeals, shrinkGrowWrite = 1, 2, 1033, 2 | 4 | 8
	name, call := [5]byte{'b', 'o', 'd', 'y', 0}, memfdCreate[runtime.GOARCH]
	number, _, errno := syscall.Syscall(call, uintptr(unsafe.Pointer(&name[0])), cloexec|allowSealing, 0)
	if call == 0 || errno != 0 {
		return nil, fmt.Errorf("no memory file on %s: %w", runtime.GOARCH, errno)
	}
	file := os.NewFile(number, "body")
	_, err := file.Write(data)
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, number, addSeals, shrinkGrowWrite); err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &given{file: file, size: len(data)}, nil
}
