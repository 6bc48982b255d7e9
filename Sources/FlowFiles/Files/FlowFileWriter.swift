import FlowModel
import Glibc
import Schema
import Synchronization

/// A file that flows are written to, each at once and whole. From any thread.
///
/// When `write` has returned, the flow is with the system: a crash of the process does not lose it. If it throws, what was begun of the
/// flow is cut off again, so that the file ends with a whole one.
public final class FlowFileWriter: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var path = ""
    }

    /// With codes of strftime, by which the files change.
    private let pattern: String
    private let appends: Bool
    private let state = Mutex(State())

    /// `+PATH` appends to a file that is there. The path may have codes of strftime, such as `%F-%H`: a new file is begun whenever
    /// what they stand for has changed. Missing folders are made.
    public init(_ text: String) throws(FlowFileTrouble) {
        appends = text.hasPrefix("+")
        pattern = Self.expanded(appends ? String(text.dropFirst()) : text)
        let (pattern, appends) = (pattern, appends)
        try state.withLock { (state) throws(FlowFileTrouble) in try Self.turn(&state, pattern, appends) }
    }

    deinit {
        state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } }
    }

    public func write(_ flow: AnyFlow) throws(FlowFileTrouble) {
        let buffer: TNetstringBuffer
        do throws(JSONFailure) {
            buffer = try SavedState.write(flow)
        } catch {
            throw FlowFileTrouble("the state of flow \(flow.id) cannot be written: \(error)")
        }
        let (pattern, appends) = (pattern, appends)
        try state.withLock { (state) throws(FlowFileTrouble) in
            try Self.turn(&state, pattern, appends)
            try Self.write(buffer.parts, state)
        }
    }

    /// All parts, or none of them.
    private static func write(_ parts: [TNetstringBuffer.Part], _ state: State) throws(FlowFileTrouble) {
        let begin = lseek(state.descriptor, 0, SEEK_END)
        do throws(BodyFileFailure) {
            for part in parts {
                switch part {
                case .bytes(let bytes):
                    try bytes.withUnsafeBytes { bytes in
                        Result { () throws(BodyFileFailure) in try write(bytes, state) }
                    }.get()
                case .file(let file):
                    try file.eachPiece { (piece) throws(BodyFileFailure) in try write(piece, state) }
                }
            }
        } catch {
            if begin >= 0 { _ = ftruncate(state.descriptor, begin) }
            throw FlowFileTrouble("\(error)")
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, _ state: State) throws(BodyFileFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Glibc.write(state.descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw BodyFileFailure("cannot write \(state.path)", errno: written == 0 ? EIO : errno)
            }
            rest = rest.dropFirst(written)
        }
    }

    /// Opens the file whose turn it is, if that is another one than before.
    private static func turn(_ state: inout State, _ pattern: String, _ appends: Bool) throws(FlowFileTrouble) {
        let path = pattern.contains("%") ? dated(pattern) : pattern
        guard path != state.path else { return }
        makeFolder(of: path)
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (appends ? 0 : O_TRUNC)
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw FlowFileTrouble("write", path, errno: errno) }
        if state.descriptor >= 0 { close(state.descriptor) }
        state = State(descriptor: descriptor, path: path)
    }

    private static func dated(_ pattern: String) -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { room in
            guard let start = room.baseAddress, strftime(start, room.count, pattern, &parts) > 0 else { return pattern }
            return String(cString: start)
        }
    }

    /// A path that cannot be made is reported when the file is opened.
    private static func makeFolder(of path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        for count in parts.indices where !parts[count].isEmpty { mkdir(parts[...count].joined(separator: "/"), 0o700) }
    }

    private static func expanded(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
        return String(cString: home) + path.dropFirst()
    }
}
