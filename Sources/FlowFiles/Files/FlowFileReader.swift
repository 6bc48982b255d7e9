import FlowModel
import Glibc

/// A flow file in mitmproxy's format, read from its start to its end. Blocks, so not for event loops; one caller at a time.
public final class FlowFileReader: @unchecked Sendable {
    private static let chunk = 256 * 1024

    private let name: String
    private let descriptor: Int32
    private var scanner: FlowFileScanner
    private var hasEnded = false
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: FlowFileReader.chunk, alignment: 16)

    /// Reads `beginning`, which was read already, and what the descriptor has behind it; leaves closing it to the caller. `name` is how
    /// messages name the file.
    public init(_ name: String, _ descriptor: Int32, beginning: [UInt8]) {
        self.name = name
        self.descriptor = descriptor
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        // Where the descriptor does not stand at the file's start, its size says nothing.
        let isWhole = isRegular && lseek(descriptor, 0, SEEK_CUR) == beginning.count
        scanner = FlowFileScanner(size: isWhole ? Int(status.st_size) : nil)
        beginning.withUnsafeBytes { scanner.received($0) }
    }

    deinit { room.deallocate() }

    /// The next flow; nil at the end of the file. What is damaged is reported after all whole flows before it.
    public func next() throws(FlowFileTrouble) -> AnyFlow? {
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
