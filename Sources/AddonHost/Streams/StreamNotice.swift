import AddonWire
import FlowModel
import NIOCore
import Schema

/// What a worker says of one body that it was given as a stream.
public enum StreamNotice: Sendable, Equatable {
    case data(ByteBuffer)
    case credit(Int)
    /// Its body is complete. Trailers: nil are those of the original, `.some(nil)` none.
    case end(trailers: Headers??)
    /// It cannot go on: an end with the status `error`, or a reset; with its reason.
    case failed(String)
    case detach

    public static let prefix = "stream."
    static let piece = prefix + "data"

    /// The stream that a notification is about; nil if it names none.
    public static func number(_ params: JSON) -> Int? { params["s"]?.int }

    /// About how many bytes of a body it brings.
    static func length(_ params: JSON) -> Int {
        guard let data = params["data"] else { return 0 }
        return (data.string ?? data["b64"]?.string ?? "").utf8.count
    }

    /// Nil for a notification that this version does not know: later ones may have more.
    init?(_ method: String, _ params: JSON) throws(StateRefusal) {
        guard let object = params.object else { throw .expected("an object", at: "params", found: params) }
        switch method {
        case Self.piece:
            guard let data = object["data"] else { throw StateRefusal(.badState, at: "params.data", "missing") }
            self = .data(ByteBuffer(bytes: try ByteString.octets(data, at: "params.data")))
        case "stream.credit":
            guard let bytes = try object.optional("bytes", Int.self, at: "params") else {
                throw StateRefusal(.badState, at: "params.bytes", "missing")
            }
            guard (0...Self.maximumCredit).contains(bytes) else {
                throw StateRefusal(.badState, at: "params.bytes", "expected 0 to \(Self.maximumCredit), found \(bytes)")
            }
            self = .credit(bytes)
        case "stream.end":
            switch try object.optional("status", String.self, at: "params") ?? "ok" {
            case "ok":
                guard let trailers = object["trailers"] else {
                    self = .end(trailers: nil)
                    return
                }
                self = .end(trailers: .some(try Headers?.read(trailers, at: "params.trailers")))
            case "error": self = .failed(try object.optional("message", String.self, at: "params") ?? "no message")
            case let word: throw StateRefusal(.badState, at: "params.status", "expected ok or error, found '\(word)'")
            }
        case "stream.detach": self = .detach
        case "stream.reset": self = .failed(try object.optional("why", String.self, at: "params") ?? "no reason")
        default: return nil
        }
    }

    /// A worker may grant more than it will ever need, but no number that could overflow.
    static let maximumCredit = 1 << 40
}
