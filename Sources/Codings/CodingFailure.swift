/// Why a body could not be decoded or encoded. Except for `.unavailable`, the fault of whoever sent the body.
public enum CodingFailure: Error, Sendable, Equatable {
    /// `Content-Encoding` names something that is no coding of `ContentCoding`.
    case unknown(token: String)

    /// `Content-Encoding` lists more codings than are undone.
    case tooMany(limit: Int)

    /// The body ended inside the coded data.
    case truncated(ContentCoding)

    /// The body is not what the coding calls for; `reason` is the library's.
    case corrupt(ContentCoding, reason: String)

    /// The decoded body, or one of its layers, is longer than the limit in bytes.
    case tooLarge(limit: Int)

    /// The body, or one of its layers, unpacks to more than `ratio` times the bytes taken for it.
    case bomb(ratio: Int)

    /// The library could not start or go on, for want of memory as a rule.
    case unavailable(ContentCoding, reason: String)
}

extension CodingFailure {
    /// Whether the body was longer than its receiver lets it be, whatever else is in it.
    public var isExcess: Bool {
        switch self {
        case .tooLarge, .bomb: true
        case .unknown, .tooMany, .truncated, .corrupt, .unavailable: false
        }
    }
}

extension CodingFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknown(let token): "unknown content coding \"\(token)\""
        case .tooMany(let limit): "more than \(limit) content codings"
        case .truncated(let coding): "the \(coding.token) data ends too early"
        case .corrupt(let coding, let reason): "bad \(coding.token) data: \(reason)"
        case .tooLarge(let limit): "the decoded body is longer than \(limit) bytes"
        case .bomb(let ratio): "the body unpacks to more than \(ratio) times its size"
        case .unavailable(let coding, let reason): "\(coding.token) is unavailable: \(reason)"
        }
    }
}
