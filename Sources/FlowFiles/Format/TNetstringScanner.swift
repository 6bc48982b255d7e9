/// Cuts a stream of tnetstrings, in mitmproxy's dialect, into values as soon as they are whole.
///
/// A value is the length of its payload in decimal digits, a colon, the payload, and one letter for its type: `,` bytes, `;` UTF-8,
/// `#` integer, `^` float, `!` boolean, `~` null, `]` list, `}` dictionary. Nothing stands between values. No I/O: bytes in, values out;
/// what is held is one value and one chunk. After a failure there is no going on: nothing tells where the next value begins.
public struct TNetstringScanner: Sendable {
    /// Values within each other, at most.
    static let maximumDepth = 64
    /// Bytes of one value of the stream, at most.
    static let maximumSize = 1 << 30
    /// Digits of a length, at most.
    private static let maximumDigits = 12

    private var buffer: [UInt8] = []
    private var start = 0
    /// Where the next value begins in the stream.
    public private(set) var offset = 0
    /// How many bytes the stream has, if that is known before its end.
    private let size: Int?

    public init(size: Int? = nil) { self.size = size }

    public mutating func received(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next value that is whole; nil if that needs more bytes.
    public mutating func next() throws(FlowFileFailure) -> SavedValue? {
        let (value, length) = try buffer.withUnsafeBytes { bytes in
            Result { () throws(FlowFileFailure) in try scan(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
        }.get()
        start += length
        offset += length
        return value
    }

    /// The stream has ended: what is left over is a value cut short.
    public func ended() throws(FlowFileFailure) {
        let rest = buffer.count - start
        guard rest > 0 else { return }
        let whole = try buffer.withUnsafeBytes { bytes in
            Result { () throws(FlowFileFailure) in try frame(UnsafeRawBufferPointer(rebasing: bytes[start...]), at: offset) }
        }.get()
        let expected = whole.map { "the \($0.end - $0.payload + 1) bytes of a flow" } ?? "the length of a flow and a colon"
        let payload = whole.map { offset + $0.payload } ?? offset
        throw FlowFileFailure(
            at: offset + rest, expected: "\(expected) that begins at byte \(payload)",
            found: "the end of the file after \(offset + rest - payload) of them")
    }

    private func scan(_ bytes: UnsafeRawBufferPointer) throws(FlowFileFailure) -> (SavedValue?, Int) {
        guard let frame = try frame(bytes, at: offset) else { return (nil, 0) }
        let length = frame.end - frame.payload
        if let size, offset + frame.end >= size {
            throw FlowFileFailure(
                at: size, expected: "the \(length + 1) bytes of a flow that begins at byte \(offset + frame.payload)",
                found: "the end of the file after \(size - offset - frame.payload) of them")
        }
        guard length <= Self.maximumSize else {
            throw FlowFileFailure(at: offset, expected: "a flow of at most \(Self.maximumSize) bytes", found: "one of \(length)")
        }
        guard frame.end < bytes.count else { return (nil, 0) }
        return (try value(bytes, frame, at: offset, depth: 1), frame.end + 1)
    }

    /// Where a value's payload begins and ends. The type's letter stands at the end.
    private typealias Frame = (payload: Int, end: Int)

    /// The frame of the value at the start of the bytes; nil if the bytes end before its colon.
    private func frame(_ bytes: UnsafeRawBufferPointer, at place: Int) throws(FlowFileFailure) -> Frame? {
        var length = 0
        var index = 0
        while index < bytes.count, (0x30...0x39).contains(bytes[index]) {
            guard index < Self.maximumDigits else {
                throw FlowFileFailure(at: place, expected: "a length of at most \(Self.maximumDigits) digits", found: "more")
            }
            length = length * 10 + Int(bytes[index] - 0x30)
            index += 1
        }
        guard index < bytes.count else { return nil }
        guard index > 0, bytes[index] == UInt8(ascii: ":") else {
            let expected = index > 0 ? "a digit or a colon" : "the length of a value"
            throw FlowFileFailure(at: place + index, expected: expected, found: Self.name(bytes[index]))
        }
        return (index + 1, index + 1 + length)
    }

    /// The value whose frame is this one; `place` is where the bytes begin in the stream.
    private func value(_ bytes: UnsafeRawBufferPointer, _ frame: Frame, at place: Int, depth: Int) throws(FlowFileFailure)
        -> SavedValue
    {
        let payload = UnsafeRawBufferPointer(rebasing: bytes[frame.payload..<frame.end])
        let place = place + frame.payload
        func wrong(_ expected: String) -> FlowFileFailure {
            let text = String(decoding: payload.prefix(32), as: UTF8.self)
            return FlowFileFailure(at: place, expected: expected, found: "'\(text)'")
        }
        switch bytes[frame.end] {
        case UInt8(ascii: ","): return .bytes(Array(payload))
        case UInt8(ascii: ";"):
            guard let text = String(validating: payload, as: UTF8.self) else {
                throw FlowFileFailure(at: place, expected: "a text in UTF-8", found: "other bytes")
            }
            return .text(text)
        case UInt8(ascii: "#"):
            guard let value = Int(String(decoding: payload, as: UTF8.self)) else { throw wrong("an integer of at most 64 bits") }
            return .int(value)
        case UInt8(ascii: "^"):
            guard let value = Double(String(decoding: payload, as: UTF8.self)) else { throw wrong("a number") }
            return .double(value)
        case UInt8(ascii: "!"):
            if payload.elementsEqual("true".utf8) { return .bool(true) }
            if payload.elementsEqual("false".utf8) { return .bool(false) }
            throw wrong("true or false")
        case UInt8(ascii: "~"):
            guard payload.isEmpty else { throw wrong("nothing, as null has it") }
            return .null
        case UInt8(ascii: "]"): return .list(try values(payload, at: place, depth: depth))
        case UInt8(ascii: "}"): return .dict(try members(payload, at: place, depth: depth))
        default:
            throw FlowFileFailure(
                at: place + payload.count, expected: "the letter of a type (one of ,;#^!~]})", found: Self.name(bytes[frame.end]))
        }
    }

    private func values(_ payload: UnsafeRawBufferPointer, at place: Int, depth: Int) throws(FlowFileFailure) -> [SavedValue] {
        guard depth < Self.maximumDepth else {
            throw FlowFileFailure(at: place, expected: "at most \(Self.maximumDepth) values within each other", found: "more")
        }
        var values: [SavedValue] = []
        var index = 0
        while index < payload.count {
            let rest = UnsafeRawBufferPointer(rebasing: payload[index...])
            guard let frame = try frame(rest, at: place + index), frame.end < rest.count else {
                throw FlowFileFailure(
                    at: place + index, expected: "a value that ends within the list or dictionary around it",
                    found: "one that is longer than the \(rest.count) bytes left in there")
            }
            values.append(try value(rest, frame, at: place + index, depth: depth + 1))
            index += frame.end + 1
        }
        return values
    }

    private func members(_ payload: UnsafeRawBufferPointer, at place: Int, depth: Int) throws(FlowFileFailure) -> SavedDict {
        let values = try values(payload, at: place, depth: depth)
        guard values.count % 2 == 0 else {
            throw FlowFileFailure(
                at: place + payload.count, expected: "a value for the last name", found: "the end of the dictionary")
        }
        var dict = SavedDict()
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let key = values[index].string else {
                throw FlowFileFailure(at: place, expected: "texts as names in the dictionary", found: "another type of value")
            }
            dict[key] = values[index + 1]
        }
        return dict
    }

    private static func name(_ byte: UInt8) -> String {
        (0x21...0x7E).contains(byte) ? "'\(Character(UnicodeScalar(byte)))'" : "the byte \(byte)"
    }
}
