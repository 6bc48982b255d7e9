import FlowModel
import NIOCore

/// Gathers a whole body: in memory up to a bound, from there on in a file. Confined to its loop.
///
/// What comes while the disk is busy waits in memory, 4 MiB of it; then the producer is held back.
final class BodySpool: @unchecked Sendable {
    private static let piece = 1 << 20
    private static let worthReserving = 64 * 1024
    /// Pieces that may wait while one is written.
    private static let backlog = 4

    private let store: BodyStore
    private let limit: Int
    private let tooLong: ProxyFailure
    /// It stays in memory until it is whole, since it may have to be given back.
    private let mayGoOn: Bool
    private let loop: any EventLoop
    /// Stops or resumes the producer.
    private let setReading: (Bool) -> Void
    private var held = ByteBuffer()
    private var size = 0
    /// The file; not to be touched while it is written to.
    private var writer: BodyFileWriter?
    private var goesToFile: Bool
    /// Its file is one in memory, since whoever wants the body takes it so.
    private let isMapped: Bool
    /// So short that no thread of its own writes it.
    private let isQuick: Bool
    private var isWriting = false
    private var isEnded = false
    /// The body, once it is whole.
    let done: Pending<Content>

    /// One that is known to be too long for memory goes to its file from the beginning, and so does one of `mappedFrom` bytes or more. `tooLong` is how one of more than `limit` bytes
    /// fails; if it `mayGoOn`, its beginning can be taken back.
    init(
        _ store: BodyStore, _ length: BodyLength, limit: Int, mayGoOn: Bool, mappedFrom: Int?, _ tooLong: ProxyFailure,
        on loop: any EventLoop,
        setReading: @escaping (Bool) -> Void
    ) {
        self.store = store
        self.limit = limit
        self.mayGoOn = mayGoOn
        self.tooLong = tooLong
        self.loop = loop
        self.setReading = setReading
        let mappedFrom = mayGoOn ? Int.max : mappedFrom ?? .max
        isMapped = length.count.map { $0 >= mappedFrom && $0 <= store.memoryLimit } ?? false
        isQuick = isMapped && length.count.map { $0 <= BodyStore.copiedSoon } ?? false
        goesToFile = !mayGoOn && length.count.map { $0 > store.memoryLimit } ?? false || isMapped
        done = Pending(on: loop)
        // Growing means copying what is there.
        if let count = length.count, count >= Self.worthReserving, count <= store.memoryLimit, !isMapped {
            held.reserveCapacity(count)
        }
    }

    func received(_ bytes: ByteBuffer) {
        size += bytes.readableBytes
        guard mayGoOn || done.isOpen else { return }
        if isQuick, size <= limit { return append(bytes) }
        if held.capacity == 0, !goesToFile {
            held = bytes
        } else {
            if held.capacity == 0 { held.reserveCapacity(2 * Self.piece) }
            held.makeRoom(for: bytes.readableBytes)
            held.writeImmutableBuffer(bytes)
        }
        guard size <= limit else {
            setReading(false)
            return failed(tooLong)
        }
        if size > store.memoryLimit, !mayGoOn { goesToFile = true }
        guard goesToFile, held.readableBytes >= Self.piece else { return }
        if !isWriting { write() } else if held.readableBytes >= Self.backlog * Self.piece { setReading(false) }
    }

    private func append(_ bytes: ByteBuffer) {
        do throws(BodyFileFailure) {
            if writer == nil { writer = try BodyFileWriter() }
            try writer?.append(bytes)
        } catch { failed(ProxyFailure(error)) }
    }

    func ended() {
        isEnded = true
        if size <= store.memoryLimit, !goesToFile { return done.resume(.bytes(held)) }
        goesToFile = true
        if !isWriting { write() }
    }

    func failed(_ failure: ProxyFailure) {
        if !mayGoOn { held = ByteBuffer() }
        done.fail(failure)
    }

    /// What has come of a body that was too long; nothing of one that was not.
    func takeBack() -> ByteBuffer {
        defer { held = ByteBuffer() }
        return size > limit ? held : ByteBuffer()
    }

    /// Writes what has come, or ends the file when all is written.
    private func write() {
        guard done.isOpen else { return }
        if isEnded, held.readableBytes == 0, let writer {
            do throws(BodyFileFailure) { return done.resume(.file(try writer.finish())) } catch {
                return failed(ProxyFailure(error))
            }
        }
        let bytes = held
        held = ByteBuffer()
        isWriting = true
        BodyStore.offLoop(loop) { [writer, store, isMapped] in
            let writer = try writer ?? (isMapped ? BodyFileWriter() : store.makeFile())
            try writer.append(bytes)
            return writer
        }.whenComplete { result in
            self.isWriting = false
            switch result {
            case .success(let writer):
                self.writer = writer
                if self.isEnded || self.held.readableBytes >= Self.piece { self.write() }
                if !self.isEnded, self.done.isOpen { self.setReading(true) }
            case .failure(let error):
                self.failed(ProxyFailure(error as? BodyFileFailure ?? BodyFileFailure("\(error)")))
            }
        }
    }
}
