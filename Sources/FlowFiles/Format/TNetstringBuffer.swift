import FlowModel
import NIOCore
import Schema

/// A tnetstring that is made from its end to its start, because a value's length stands before it.
///
/// A dictionary's members come out in the reverse of the order in which they are put in, as in mitmproxy's files.
public struct TNetstringBuffer {
    /// A stretch of the text: in memory, or as long as a file that stays where it is.
    public enum Part {
        case bytes(ArraySlice<UInt8>)
        case file(BodyFile)
    }

    private var storage: [UInt8]
    private var start: Int
    /// What stands behind `storage`, last first.
    private var behind: [Part] = []
    private var countBehind = 0

    public init(capacity: Int = 4096) {
        storage = [UInt8](repeating: 0, count: max(capacity, 64))
        start = storage.count
    }

    /// What was put in so far, from its start to its end.
    public var parts: [Part] { [.bytes(storage[start...])] + behind.reversed() }

    /// In bytes.
    private var count: Int { storage.count - start + countBehind }

    public mutating func null() { scalar("", "~") }
    public mutating func bool(_ value: Bool) { scalar(value ? "true" : "false", "!") }
    public mutating func int(_ value: Int) { scalar(String(value), "#") }
    public mutating func double(_ value: Double) { scalar(value.description, "^") }
    public mutating func text(_ value: String) { scalar(value, ";") }

    public mutating func bytes(_ value: UnsafeRawBufferPointer) {
        put(UInt8(ascii: ","))
        put(value)
        length(value.count)
    }

    /// Bytes that are not copied.
    public mutating func bytes(_ file: BodyFile) {
        put(UInt8(ascii: ","))
        behind += [.bytes(storage[start...]), .file(file)]
        countBehind += storage.count - start + file.size
        storage = [UInt8](repeating: 0, count: 4096)
        start = storage.count
        length(file.size)
    }

    /// Members or elements, of which `body` puts in the last one first.
    public mutating func list(_ body: (inout TNetstringBuffer) -> Void) { container("]", body) }

    /// Members, of which `body` puts in each value before its name.
    public mutating func dict(_ body: (inout TNetstringBuffer) -> Void) { container("}", body) }

    private mutating func container(_ letter: Character, _ body: (inout TNetstringBuffer) -> Void) {
        put(letter.asciiValue ?? 0)
        let end = count
        body(&self)
        length(count - end)
    }

    private mutating func scalar(_ text: String, _ letter: Character) {
        put(letter.asciiValue ?? 0)
        var text = text
        let count = text.withUTF8 { utf8 in
            put(UnsafeRawBufferPointer(utf8))
            return utf8.count
        }
        length(count)
    }

    private mutating func length(_ count: Int) {
        put(UInt8(ascii: ":"))
        var rest = count
        repeat {
            put(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
    }

    private mutating func put(_ byte: UInt8) {
        makeRoom(1)
        start -= 1
        storage[start] = byte
    }

    private mutating func put(_ bytes: UnsafeRawBufferPointer) {
        makeRoom(bytes.count)
        start -= bytes.count
        storage.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: bytes) }
    }

    private mutating func makeRoom(_ count: Int) {
        guard start < count else { return }
        let held = storage.count - start
        var larger = [UInt8](repeating: 0, count: (held + count) * 2)
        larger.replaceSubrange((larger.count - held)..., with: storage[start...])
        start = larger.count - held
        storage = larger
    }
}
