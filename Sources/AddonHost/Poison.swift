import AddonWire
import Glibc
import NIOPosix
import ProxyKernel
import Schema

/// Events that ended two processes one after another, kept so that they can be looked at and sent again.
///
/// One file an event, in the folder `transcripts` of `confdir`, readable by its owner: a line that says what happened, and the event's
/// line as the worker got it: a transcript of one step. The oldest go when there are more than 32.
struct Poison: Sendable {
    static let maximumFiles = 32
    /// Bytes of an event that is kept.
    static let maximumSize = 16 << 20
    let folder: String

    /// Writes the file; the result is its path, or why there is none.
    func keep(_ event: LinkMessage, of worker: Worker, hook: String, flow: String?) -> Result<String, AddonFailure> {
        guard event.bytes.count <= Self.maximumSize else {
            return .failure(AddonFailure("the event has \(event.bytes.count) bytes, at most \(Self.maximumSize) are kept"))
        }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { return .failure(failure(folder)) }
        makeRoom()
        let time = WallClock.now
        let path = "\(folder)/\(Self.fileName(worker.addon.name, time))"
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return .failure(failure(path)) }
        defer { close(file) }
        let head = Transcript.head(
            worker.addon, time: time, ["hook": .string(hook), "flow": flow.map { .string($0) } ?? .null])
        var line: [UInt8] = []
        event.append(id: 1, to: &line)
        let message = (try? JSONReader().read(line)) ?? .null
        let bytes =
            head.encoded + [0x0A] + Transcript.step(.core, message, connection: 1, seconds: 0).encoded + [0x0A]
        let isWritten = bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        guard isWritten else {
            unlink(path)
            return .failure(failure(path))
        }
        return .success(path)
    }

    private static func fileName(_ addon: String, _ time: Double) -> String {
        let safe = addon.utf8.prefix(60).map { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2D
                ? Character(UnicodeScalar(byte)) : "_"
        }
        return "\(Int(time * 1_000_000))-\(String(safe)).ndjson"
    }

    private func failure(_ path: String) -> AddonFailure { AddonFailure("'\(path)': \(String(cString: strerror(errno)))") }

    /// File names begin with their times, all of one length.
    private func makeRoom() {
        guard let directory = opendir(folder) else { return }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".ndjson") { names.append(name) }
        }
        for name in names.sorted().dropLast(Self.maximumFiles - 1) { unlink("\(folder)/\(name)") }
    }
}

extension AddonHost {
    /// An event ended two processes, and a third is not to meet it: says so by name, and keeps it. From any loop.
    func poisoned<Payload: HookPayload>(_ subscription: Subscription, _ shown: Payload) {
        let worker = subscription.worker
        let event = EventLine.event(shown, subscription, timeout: subscription.timeout, attempt: 3)
        let flow = shown.anyFlow?.id
        let subject = flow.map { "of flow \($0) " } ?? ""
        let text = "'\(subscription.name)' \(subject)has ended two of its processes and is not sent again"
        // Off the loops: files may be slow.
        NIOThreadPool.singleton.submit { [poison, log] _ in
            switch poison.keep(event, of: worker, hook: subscription.name, flow: flow) {
            case .success(let path): log.line(.error, worker.addon.name, "\(text): kept in \(path), see weir addon replay")
            case .failure(let reason): log.line(.error, worker.addon.name, "\(text); it is not kept: \(reason)")
            }
        }
    }
}
