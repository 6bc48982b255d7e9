/// The status code of a close frame (RFC 6455, 7.4).
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let goingAway = CloseCode(rawValue: 1001)
    public static let protocolError = CloseCode(rawValue: 1002)
    /// Stands for a close frame without a code; never on the wire.
    public static let none = CloseCode(rawValue: 1005)
    /// Stands for a connection that ended without a close frame; never on the wire.
    public static let abnormal = CloseCode(rawValue: 1006)
    public static let badContent = CloseCode(rawValue: 1007)
    public static let tooLarge = CloseCode(rawValue: 1009)
    public static let internalError = CloseCode(rawValue: 1011)

    /// Whether a close frame may have it: what the RFC defines for that, what IANA's registry has (1012-1014), and what is left to
    /// libraries and applications.
    public var isForWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// What a close frame says.
public struct CloseFrame: Hashable, Sendable {
    /// Nil if the frame is empty.
    public let code: CloseCode?
    public let reason: String

    public init(code: CloseCode?, reason: String = "") {
        self.code = code
        self.reason = reason
    }

    /// Reads the payload of a close frame (RFC 6455, 5.5.1).
    init(payload: [UInt8]) throws(Violation) {
        guard !payload.isEmpty else {
            self.init(code: nil)
            return
        }
        guard payload.count >= 2 else {
            throw .framing(expected: "an empty close frame or one with a two-byte code", found: "1 byte")
        }
        let code = CloseCode(rawValue: Int(payload[0]) << 8 | Int(payload[1]))
        guard code.isForWire else {
            throw .framing(expected: "a status code that a close frame may have", found: "\(code.rawValue)")
        }
        guard let reason = String(validating: payload[2...], as: UTF8.self) else {
            throw Violation(.badContent, expected: "a reason in UTF-8", found: "other bytes")
        }
        self.init(code: code, reason: reason)
    }

    /// At most 125 bytes: a longer reason is cut between two characters.
    var payload: [UInt8] {
        guard let code else { return [] }
        var text = Array(reason.utf8)
        if text.count > 123 {
            var end = 123
            while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
            text = Array(text[..<end])
        }
        return [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)] + text
    }
}
