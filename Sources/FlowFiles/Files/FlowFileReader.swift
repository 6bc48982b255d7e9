import FlowModel
import Glibc

/// A flow file, read from its start to its end. Blocks, so not for event loops; one caller at a time.
package final class FlowFileReader: @unchecked Sendable {
    private static let chunk = 256 * 1024

    /// How messages name the file.
    package let name: String
    private let descriptor: Int32
    private var scanner: FlowFileScanner
    private var hasEnded = false
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: FlowFileReader.chunk, alignment: 16)

    /// `-` is the standard input.
    package init(_ path: String) throws(FlowFileTrouble) {
        name = path == "-" ? "the standard input" : path
        descriptor = path == "-" ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        let isOpen = descriptor >= 0 && fstat(descriptor, &status) == 0
        let isRegular = isOpen && status.st_mode & S_IFMT == S_IFREG
        scanner = FlowFileScanner(size: isRegular && path != "-" ? Int(status.st_size) : nil)
        guard isOpen else { throw FlowFileTrouble("read", name, errno: errno) }
    }

    deinit {
        room.deallocate()
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    /// The next flow; nil at the end of the file. What is damaged is reported after all whole flows before it.
    package func next() throws(FlowFileTrouble) -> AnyFlow? {
        while true {
            do throws(FlowFileFailure) {
                if let flow = try scanner.next() { return flow }
                if hasEnded {
                    try scanner.ended()
                    return nil
                }
            } catch {
                throw FlowFileTrouble("cannot read \(name) any further: \(error)")
            }
            let count = read(descriptor, room.baseAddress, room.count)
            if count > 0 {
                scanner.received(UnsafeRawBufferPointer(rebasing: room[..<count]))
            } else if count == 0 {
                hasEnded = true
            } else if errno != EINTR {
                throw FlowFileTrouble("read", name, errno: errno)
            }
        }
    }
}
