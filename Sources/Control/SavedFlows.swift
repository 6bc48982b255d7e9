import FlowExport
import FlowModel
import Glibc

/// A file of flows in any format that can be read, one flow after another; `-` is the standard input.
package final class SavedFlows {
    /// Why the file cannot be read on: a sentence for people that names it.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    private let path: String
    private let descriptor: Int32
    private let archive: HARReader

    /// Opens the file and looks at its first bytes.
    package init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(description: "'\(path)': \(String(cString: strerror(errno)))") }
        let beginning = try Self.beginning(of: descriptor, path)
        guard HARReader.claims(beginning) else {
            throw Failure(
                description:
                    "'\(path)': \(beginning.isEmpty ? "the file is empty" : "it begins like no format of flows (HAR, zlib-compressed HAR)")"
            )
        }
        archive = HARReader(beginning: beginning, descriptor: descriptor)
    }

    deinit { if descriptor > STDIN_FILENO { close(descriptor) } }

    /// The next flow; nil behind the last one. Whole flows before a damage come before its failure.
    package func next() throws(Failure) -> HTTPFlow? {
        do throws(HARFailure) { return try archive.next() } catch { throw Failure(description: "'\(path)': \(error)") }
    }

    /// What was passed over, for people; nil if nothing was.
    package var note: String? {
        archive.foreign == 0 ? nil : "'\(path)': \(archive.foreign) entries left out whose URLs are not of HTTP"
    }

    /// What the file begins with: at least enough to tell formats apart, if it has as much.
    private static func beginning(of descriptor: Int32, _ path: String) throws(Failure) -> [UInt8] {
        var beginning: [UInt8] = []
        while beginning.count < 4096 {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(description: "'\(path)': \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            beginning += buffer[..<count]
        }
        return beginning
    }
}
