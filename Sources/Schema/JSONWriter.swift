/// Writes JSON text straight into a block of bytes, without a tree in between.
///
/// The caller keeps objects and arrays balanced; commas are the writer's. U+0085, U+2028 and U+2029 are escaped, because
/// some line readers cut there. Nothing but the strings' own bytes is ever written raw.
public struct JSONWriter: ~Copyable {
    // Memory of its own: an array asks with each byte whether somebody else holds it, and an event's line is written in a hundred parts.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0
    /// True when a value stands before the next one in the same array or object.
    private var needsComma = false

    public init(capacity: Int = 2048) {
        self.capacity = max(capacity, 16)
        base = .allocate(byteCount: self.capacity, alignment: 1)
    }

    deinit { base.deallocate() }

    /// What was written.
    public var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: base, count: count)) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's name; the next call writes its value.
    public mutating func key(_ name: String) {
        separate()
        quoted(name)
        put(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A member's name as `encodedKey` made it.
    public mutating func key(encoded key: [UInt8]) {
        if needsComma { put(UInt8(ascii: ",")) }
        key.withUnsafeBytes { put($0) }
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
        if value < 0 { put(UInt8(ascii: "-")) }
        Self.withDigits(of: value.magnitude) { put($0) }
    }

    /// Lends a number in decimal digits.
    public static func withDigits<Result>(of value: UInt, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var rest = value
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            return body(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// The shortest text that reads back as the same number; infinities and NaN, which JSON lacks, become null.
    public mutating func double(_ value: Double) {
        separate()
        put(value.isFinite ? value.description : "null")
    }

    public mutating func string(_ value: String) {
        separate()
        quoted(value)
    }

    /// A byte string: a JSON string if it is valid UTF-8, else `{"b64": "…"}`.
    public mutating func byteString(_ value: UnsafeRawBufferPointer) {
        separate()
        if !quotedShort(value) { anyByteString(value) }
    }

    private mutating func anyByteString(_ value: UnsafeRawBufferPointer) {
        let plain = value.endOfPlainText(from: 0)
        if plain == value.count || UTF8Check.isValid(value) {
            quoted(value, plain)
        } else {
            put(#"{"b64":""#)
            makeRoom(for: Base64.length(of: value.count))
            count += Base64.encode(value, to: base + count)
            put(#""}"#)
        }
    }

    public mutating func byteString(_ value: [UInt8]) { value.withUnsafeBytes { byteString($0) } }

    /// An array of two byte strings.
    public mutating func pair(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) {
        beginArray()
        if !quotedShort(first) { anyByteString(first) }
        put(UInt8(ascii: ","))
        if !quotedShort(second) { anyByteString(second) }
        endArray()
    }

    /// Text that is a complete JSON value already.
    public mutating func fragment(_ json: [UInt8]) {
        separate()
        json.withUnsafeBytes { put($0) }
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
        put(0x0A)
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { put(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        put(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        put(bracket)
        needsComma = true
    }

    private mutating func literal(_ text: StaticString) {
        separate()
        put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        makeRoom(for: 1)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    private mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        makeRoom(for: bytes.count)
        (base + count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    private mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    private mutating func makeRoom(for more: Int) {
        if capacity - count < more { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = max(2 * capacity, count + more)
        let wider = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        wider.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = wider
    }

    private mutating func quoted(_ text: String) {
        // A copy of the string would be one more reference to count; all but bridged ones lend what they hold.
        let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { quoted(UnsafeRawBufferPointer($0)) }
        guard isWritten == nil else { return }
        var text = text
        text.withUTF8 { quoted(UnsafeRawBufferPointer($0)) }
    }

    /// Writes a short text whose bytes all stand for themselves, as most do that there are; false if it is another, of which nothing is
    /// written. It is looked at while it is copied.
    private mutating func quotedShort(_ text: UnsafeRawBufferPointer) -> Bool {
        let length = text.count
        guard length <= 64 else { return false }
        // The last eight bytes, or four, may be some of those before as well.
        makeRoom(for: length + 2)
        let place = base + count + 1
        var odd: UInt64 = 0
        if length >= 8 {
            var index = 0
            while index + 8 < length {
                odd |= Self.copyWord(of: text, at: index, to: place)
                index += 8
            }
            odd |= Self.copyWord(of: text, at: length - 8, to: place)
        } else if length >= 4 {
            let first = text.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
            let last = text.loadUnaligned(fromByteOffset: length - 4, as: UInt32.self)
            place.storeBytes(of: first, as: UInt32.self)
            place.storeBytes(of: last, toByteOffset: length - 4, as: UInt32.self)
            odd = UnsafeRawBufferPointer.oddBytes(UInt64(first) | UInt64(last) << 32)
        } else {
            for index in 0..<length {
                place.storeBytes(of: text[index], toByteOffset: index, as: UInt8.self)
                if !text[index].isPlainText { odd = 1 }
            }
        }
        guard odd == 0 else { return false }
        base.storeBytes(of: UInt8(ascii: "\""), toByteOffset: count, as: UInt8.self)
        place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: length, as: UInt8.self)
        count += length + 2
        return true
    }

    /// Those of the eight bytes that do not stand for themselves are told.
    @inline(__always)
    private static func copyWord(of text: UnsafeRawBufferPointer, at index: Int, to place: UnsafeMutableRawPointer) -> UInt64 {
        let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        place.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
        return UnsafeRawBufferPointer.oddBytes(word)
    }

    /// `text` is valid UTF-8; its first `plain` bytes stand for themselves.
    private mutating func quoted(_ text: UnsafeRawBufferPointer) {
        if !quotedShort(text) { quoted(text, text.endOfPlainText(from: 0)) }
    }

    private mutating func quoted(_ text: UnsafeRawBufferPointer, _ plain: Int) {
        makeRoom(for: text.count + 2)
        put(UInt8(ascii: "\""))
        if plain == text.count { put(text) } else { escaped(text, plain) }
        put(UInt8(ascii: "\""))
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
            put(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            put(escape.text)
            start = index + escape.length
            index = text.endOfPlainText(from: start)
        }
        put(UnsafeRawBufferPointer(rebasing: text[start...]))
    }

    /// True for the bytes that stand for themselves in a JSON string and start no character that this writer escapes.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x22 && byte != 0x5C && byte != 0x7F && byte != 0xC2 && byte != 0xE2
    }
}
