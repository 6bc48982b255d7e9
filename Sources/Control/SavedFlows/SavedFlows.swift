import FlowExport
import FlowFiles
import FlowModel
import Glibc

/// A file of flows in any format that can be read, one flow after another: a dump, an archive (HAR), or one that is compressed.
///
/// Blocks, so not for event loops; one caller at a time.
public final class SavedFlows: @unchecked Sendable {
    private enum Format {
        case dump(FlowFileReader)
        case archive(HARReader)
    }

    /// How messages name the file.
    public let name: String
    private let descriptor: Int32
    private let format: Format

    /// Opens the file and looks at its first bytes; `-` is the standard input.
    public init(_ path: String) throws(FlowFileTrouble) {
        name = path == "-" ? "the standard input" : path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FlowFileTrouble("read", name, errno: errno) }
        let beginning = try Self.beginning(of: descriptor, name)
        if HARReader.claims(beginning) {
            format = .archive(HARReader(beginning: beginning, descriptor: descriptor))
        } else {
            format = .dump(FlowFileReader(name, descriptor, beginning: beginning))
        }
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// The next flow; nil behind the last one. What is damaged is reported after all whole flows before it.
    public func next() throws(FlowFileTrouble) -> AnyFlow? {
        switch format {
        case .dump(let reader): return try reader.next()
        case .archive(let reader):
            do throws(HARFailure) {
                return try reader.next().map(\.any)
            } catch {
                throw FlowFileTrouble("cannot read \(name) any further: \(error)")
            }
        }
    }

    /// What was passed over, for people; nil if nothing was.
    public var note: String? {
        guard case .archive(let reader) = format, reader.foreign > 0 else { return nil }
        return "\(name): \(reader.foreign) entries left out whose URLs are not of HTTP"
    }

    /// What the file begins with: at least enough to tell formats apart, if it has as much.
    private static func beginning(of descriptor: Int32, _ name: String) throws(FlowFileTrouble) -> [UInt8] {
        var beginning: [UInt8] = []
        while beginning.count < 4096 {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FlowFileTrouble("read", name, errno: errno) }
            if count == 0 { break }
            beginning += buffer[..<count]
        }
        return beginning
    }
}
