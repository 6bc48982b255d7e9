import CNghttp2
import FlowModel
import NIOCore

@testable import HTTP2

/// What an engine told, as lines of text, bodies joined so that it does not depend on how the input was cut.
final class Listener: EngineEvents {
    private(set) var lines: [String] = []
    private var bodies: [Int32: String] = [:]

    func received(_ block: HeaderBlock, on stream: Int32, endsStream: Bool) {
        flush(stream)
        let pseudo = [block.method, block.scheme, block.authority, block.path, block.protocol].filter { !$0.bytes.isEmpty }
        let start = block.status > 0 ? "\(block.status)" : pseudo.map(\.string).joined(separator: " ")
        let fields = block.fields.map { " [\($0.name): \($0.value)]" }.joined()
        lines.append("\(stream) \(start)\(fields)\(endsStream ? " end" : "")")
    }

    func received(_ bytes: ByteBuffer, on stream: Int32) { bodies[stream, default: ""] += String(buffer: bytes) }

    func ended(_ stream: Int32) {
        flush(stream)
        lines.append("\(stream) ended")
    }

    func closed(_ stream: Int32, code: UInt32) { lines.append("\(stream) closed \(errorName(code))") }
    func sentEnd(of stream: Int32) {}
    func drained(_ stream: Int32) { lines.append("\(stream) drained") }
    func settingsChanged() {}
    func goneAway(lastStream: Int32, code: UInt32) { lines.append("goaway \(lastStream) \(errorName(code))") }
    func received(_ priority: nghttp2_priority_spec, on stream: Int32) { lines.append("\(stream) weight \(priority.weight)") }
    func pong() { lines.append("pong") }

    private func flush(_ stream: Int32) {
        if let body = bodies.removeValue(forKey: stream) { lines.append("\(stream) '\(body)'") }
    }
}

/// A client's engine and a server's, joined by hand.
final class Pair {
    let client: Engine
    let server: Engine
    let atClient = Listener()
    let atServer = Listener()
    /// The size of the pieces in which bytes arrive; 0 for as they come.
    var pieces = 0
    /// Whether both give up their memory whenever something has been sent.
    var rests = false

    init(limits: EngineLimits = EngineLimits()) {
        client = Engine(.client, limits: limits)
        server = Engine(.server, limits: limits)
        client.events = atClient
        server.events = atServer
    }

    /// Moves bytes until both are silent.
    func run() {
        while move(client, server) || move(server, client) {}
    }

    private func move(_ from: Engine, _ to: Engine) -> Bool {
        var bytes = from.take(limit: 64 * 1024)
        if rests { from.rest() }
        guard bytes.readableBytes > 0 else { return false }
        while let piece = bytes.readSlice(length: min(pieces > 0 ? pieces : .max, bytes.readableBytes)), piece.readableBytes > 0 {
            _ = to.feed(piece, now: .now())
        }
        return true
    }

    func request(_ pseudo: [(StaticString, ByteString)], _ headers: Headers = Headers(), hasBody: Bool = false) -> Int32 {
        var fields = FieldList()
        for (name, value) in pseudo { fields.append(name, value) }
        fields.append(headers)
        return client.submitRequest(&fields, hasBody: hasBody, priority: nil) ?? -1
    }

    func respond(_ stream: Int32, _ status: Int = 200, _ headers: Headers = Headers(), hasBody: Bool = false) {
        var fields = FieldList(status: status, headers)
        server.submitResponse(&fields, on: stream, hasBody: hasBody)
    }

    static let get: [(StaticString, ByteString)] = [
        (":method", "GET"), (":scheme", "https"), (":authority", "example.org"), (":path", "/a"),
    ]
    static let post: [(StaticString, ByteString)] = [
        (":method", "POST"), (":scheme", "https"), (":authority", "example.org"), (":path", "/b"),
    ]
}
