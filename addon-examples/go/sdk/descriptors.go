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

// openBodies takes the socket beside the line (section 17), where the core has offered one.
func (a *Addon) openBodies() {
	if number := os.Getenv("WEIR_ADDON_FDS"); number != "" {
		connection, _ := dialed(number, "")
		if socket, is := connection.(*net.UnixConn); is {
			a.bodies, a.hello["capabilities"] = socket, []string{"fd"}
		}
	}
}

// takeBodies takes the descriptors that the event names, which have come before it.
func (e *Event) takeBodies() (err error) {
	e.files = map[any]*os.File{}
	for _, side := range []string{"request", "response"} {
		if number := Get(e.Flow, side+".content.fd"); number != nil && e.addon.bodies != nil && err == nil {
			e.files[side], err = e.addon.take(key(number))
		}
	}
	return err
}

// take reads packets until that of the number; those before it are of events that were withdrawn.
func (a *Addon) take(wanted int64) (*os.File, error) {
	payload, rights := make([]byte, 32), make([]byte, syscall.CmsgSpace(4))
	for {
		count, size, _, _, err := a.bodies.ReadMsgUnix(payload, rights)
		messages, _ := syscall.ParseSocketControlMessage(rights[:size])
		if err != nil || len(messages) != 1 {
			return nil, fmt.Errorf("expected descriptor %d, found %d (%v)", wanted, len(messages), err)
		}
		files, err := syscall.ParseUnixRights(&messages[0])
		if err != nil {
			return nil, err
		}
		file := os.NewFile(uintptr(files[0]), "body")
		if string(payload[:count]) == fmt.Sprint(wanted) {
			return file, nil
		}
		file.Close()
	}
}

// given is a body in a sealed memory file, which is sent with the line that names it.
type given struct {
	addon *Addon
	file  *os.File
	size  int
}

// MarshalJSON sends the descriptor and is the content that names it. A line is encoded under the lock that sends it, so
// that the numbers rise in the order of the lines.
func (g *given) MarshalJSON() ([]byte, error) {
	g.addon.given += 2
	number := g.addon.given
	_, _, err := g.addon.bodies.WriteMsgUnix([]byte(fmt.Sprint(number)), syscall.UnixRights(int(g.file.Fd())), nil)
	return []byte(fmt.Sprintf(`{"fd":%d,"size":%d}`, number, g.size)), err
}

// Give is the content of these bytes for the answer to this event: by descriptor where they are many, that is agreed, and
// the system gives memory files, which it does not to confined addons; else in the line, which the core's limit bounds.
func (e *Event) Give(data []byte) any {
	if len(data) >= givenLeast && e.addon.bodies != nil {
		if body, err := e.sealed(data); err == nil {
			return body
		}
	}
	return ValueOf(data)
}

// memfdCreate has the numbers of the system call, which the standard library does not name.
var memfdCreate = map[string]uintptr{"386": 356, "amd64": 319, "arm": 385, "arm64": 279, "riscv64": 279, "s390x": 350}

// sealed puts bytes into a memory file that nobody can change any more; it is closed with the event.
func (e *Event) sealed(data []byte) (*given, error) {
	const cloexec, allowSealing, addSeals, shrinkGrowWrite = 1, 2, 1033, 2 | 4 | 8
	name, call := [5]byte{'b', 'o', 'd', 'y', 0}, memfdCreate[runtime.GOARCH]
	number, _, errno := syscall.Syscall(call, uintptr(unsafe.Pointer(&name[0])), cloexec|allowSealing, 0)
	if call == 0 || errno != 0 {
		return nil, fmt.Errorf("no memory file on %s: %w", runtime.GOARCH, errno)
	}
	body := &given{e.addon, os.NewFile(number, "body"), len(data)}
	e.files[body] = body.file
	_, err := body.file.Write(data)
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, number, addSeals, shrinkGrowWrite); err == nil && errno != 0 {
		err = errno
	}
	return body, err
}
