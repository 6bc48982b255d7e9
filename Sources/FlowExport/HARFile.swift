import Codings
import FlowModel
import Glibc

/// An archive on disk that grows with each flow. Not for use by two threads at once.
///
/// `-` is the standard output, which gets the archive as a whole at the end; a path that ends with `.zhar` gets it compressed with
/// zlib. A path's entries are in the file as they are added, so that of a run that ends without `finish` only the closing brackets are
/// missing; of a compressed one, the last entries are too.
public final class HARFile {
    /// Why the archive cannot be written: a sentence for people that names the path.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    private let path: String
    private let descriptor: Int32
    private var encoder: HAREncoder
    private var deflation: ContentEncoder?

    /// Makes the file, or empties one that is there.
    public init(_ path: String, creatorVersion: String) throws(Failure) {
        self.path = path
        encoder = HAREncoder(creatorVersion: creatorVersion)
        if path == "-" {
            descriptor = Self.scratch()
        } else {
            // Flows hold passwords: for their owner's eyes.
            descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        if path.hasSuffix(".zhar") {
            do throws(CodingFailure) {
                deflation = try ContentEncoder([.deflate], level: .small)
            } catch {
                throw Failure(description: "'\(path)': \(error)")
            }
        }
        try write(encoder.head)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds the flow; one whose request could not be read is left out, since an archive has nothing to say of it.
    public func add(_ flow: HTTPFlow) throws(Failure) {
        if !flow.request.method.isEmpty { try write(encoder.entry(flow)) }
    }

    /// Ends the archive. Nothing may be added after it.
    public func finish() throws(Failure) {
        try write(HAREncoder.tail)
        if deflation != nil { try put(try coded { () throws(CodingFailure) in try deflation?.finish() ?? [] }) }
        if path == "-" { try copyToStandardOutput() }
    }

    private func write(_ bytes: [UInt8]) throws(Failure) {
        try put(deflation == nil ? bytes : try coded { () throws(CodingFailure) in try deflation?.encode(bytes) ?? [] })
    }

    private func put(_ bytes: [UInt8], to other: Int32? = nil) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(other ?? descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Self.failure(path, errno) }
            rest = rest.dropFirst(written)
        }
    }

    private func copyToStandardOutput() throws(Failure) {
        var offset: off_t = 0
        while true {
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, filled in
                count = pread(descriptor, buffer.baseAddress, buffer.count, offset)
                filled = max(count, 0)
            }
            guard count >= 0 else { throw Self.failure(path, errno) }
            guard count > 0 else { return }
            try put(piece, to: STDOUT_FILENO)
            offset += off_t(count)
        }
    }

    private func coded(_ body: () throws(CodingFailure) -> [UInt8]) throws(Failure) -> [UInt8] {
        do throws(CodingFailure) { return try body() } catch { throw Failure(description: "'\(path)': \(error)") }
    }

    /// A file without a name, for what is not to be held in memory.
    private static func scratch() -> Int32 {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(folder)/weir-har-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { return descriptor }
        unlink(name)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func failure(_ path: String, _ number: Int32) -> Failure {
        Failure(description: "'\(path)': \(String(cString: strerror(number)))")
    }
}
