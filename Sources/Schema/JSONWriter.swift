/// Writes JSON text straight into a byte array, without a tree in between.
///
/// The caller keeps objects and arrays balanced; commas are the writer's. U+0085, U+2028 and U+2029 are escaped, because
/// some line readers cut there. Nothing but the strings' own bytes is ever written raw.
public struct JSONWriter {
    public private(set) var bytes: [UInt8] = []
    /// True when a value stands before the next one in the same array or object.
    private var needsComma = false

    public init(capacity: Int = 2048) { bytes.reserveCapacity(capacity) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's name; the next call writes its value.
    public mutating func key(_ name: String) {
        separate()
        quoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A member's name as `encodedKey` made it.
    public mutating func key(encoded key: [UInt8]) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: key)
        needsComma = false
    }

    /// The name quoted, with its colon.
    public static func encodedKey(_ name: String) -> [UInt8] {
        var writer = JSONWriter(capacity: name.utf8.count + 3)
        writer.key(name)
        return writer.bytes
    }

    public mutating func null() { literal("null") }
    public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    public mutating func int(_ value: Int) {
        separate()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        Self.append(digitsOf: value.magnitude, to: &bytes)
    }

    /// Appends a number in decimal digits.
    public static func append(digitsOf value: UInt, to bytes: inout [UInt8]) {
        if value < 10 { return bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)) }
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = value
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// The shortest text that reads back as the same number; infinities and NaN, which JSON lacks, become null.
    public mutating func double(_ value: Double) {
        separate()
        bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
    }

    public mutating func string(_ value: String) {
        separate()
        quoted(value)
    }

    /// A byte string: a JSON string if it is valid UTF-8, else `{"b64": "…"}`.
    public mutating func byteString(_ value: UnsafeRawBufferPointer) {
        separate()
        let plain = value.endOfPlainText(from: 0)
        if plain == value.count || UTF8Check.isValid(value) {
            quoted(value, plain)
        } else {
            bytes.append(contentsOf: #"{"b64":""#.utf8)
            Base64.encode(value, into: &bytes)
            bytes.append(contentsOf: #""}"#.utf8)
        }
    }

    public mutating func byteString(_ value: [UInt8]) { value.withUnsafeBytes { byteString($0) } }

    /// An array of two byte strings.
    public mutating func pair(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) {
        beginArray()
        byteString(first)
        byteString(second)
        endArray()
    }

    /// Text that is a complete JSON value already.
    public mutating func fragment(_ json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    public mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .int(let value): int(value)
        case .double(let value): double(value)
        case .string(let value): string(value)
        case .array(let values):
            beginArray()
            for value in values { self.value(value) }
            endArray()
        case .pairs(let pairs):
            beginArray()
            for index in 0..<pairs.count { pairs.withPair(at: index) { pair($0, $1) } }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }

    /// Ends the line: one LF.
    public mutating func endLine() {
        bytes.append(0x0A)
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func quoted(_ text: String) {
        var text = text
        text.withUTF8 {
            let text = UnsafeRawBufferPointer($0)
            quoted(text, text.endOfPlainText(from: 0))
        }
    }

    /// `text` is valid UTF-8; its first `plain` bytes stand for themselves.
    private mutating func quoted(_ text: UnsafeRawBufferPointer, _ plain: Int) {
        bytes.append(UInt8(ascii: "\""))
        if plain == text.count { bytes.append(contentsOf: text) } else { escaped(text, plain) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Runs that need no escape are appended whole.
    private mutating func escaped(_ text: UnsafeRawBufferPointer, _ plain: Int) {
        var start = 0
        var index = plain
        while index < text.count {
            let byte = text[index]
            if Self.isPlain(byte) {
                index += 1
                continue
            }
            let escape: (text: String, length: Int)
            switch byte {
            case UInt8(ascii: "\""): escape = ("\\\"", 1)
            case UInt8(ascii: "\\"): escape = ("\\\\", 1)
            case 0x0A: escape = ("\\n", 1)
            case 0x0D: escape = ("\\r", 1)
            case 0x09: escape = ("\\t", 1)
            case 0xC2 where index + 1 < text.count && text[index + 1] == 0x85: escape = ("\\u0085", 2)
            case 0xE2 where index + 2 < text.count && text[index + 1] == 0x80 && text[index + 2] & 0xFE == 0xA8:
                escape = (text[index + 2] == 0xA8 ? "\\u2028" : "\\u2029", 3)
            case 0xC2, 0xE2:
                index += 1
                continue
            default:
                let hex = String(byte, radix: 16)
                escape = ((hex.count == 1 ? "\\u000" : "\\u00") + hex, 1)
            }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<index]))
            bytes.append(contentsOf: escape.text.utf8)
            start = index + escape.length
            index = text.endOfPlainText(from: start)
        }
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start...]))
    }

    /// True for the bytes that stand for themselves in a JSON string and start no character that this writer escapes.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x22 && byte != 0x5C && byte != 0x7F && byte != 0xC2 && byte != 0xE2
    }
}
