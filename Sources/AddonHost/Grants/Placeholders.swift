import FlowModel
import Glibc
import ProxyKernel
import Schema

/// A kind of place in an event: what is hidden in it comes back there, and nowhere else.
enum HiddenPlace: Hashable, Sendable {
    /// A field of that name, in lower case, in the header or trailer section.
    case header(MessageSide, String)
    case target
    case content(MessageSide)
    /// What went over a WebSocket, TCP or UDP.
    case message
    /// The names and data of a DNS message.
    case record(MessageSide)
    /// Any other text, by its path.
    case text(String)

    /// Whether it belongs to a message's head.
    fileprivate var isOfHead: Bool {
        switch self {
        case .header, .target: true
        case .content, .message, .record, .text: false
        }
    }
}

/// The values that one event, or one answer to a call, hides from a worker, by the numbers that stand for them.
///
/// A number depends on the flow, the place and how many values of that place come before it, and on a key of this process: it is the same
/// in all events of a flow whatever the value is, so that it tells nothing of it; it does not shift when other places change; and
/// nobody outside can write a text that happens to be one.
struct Placeholders: Sendable {
    private struct Hidden {
        let place: HiddenPlace
        let bytes: [UInt8]
        /// The value's JSON text is no string: the placeholder stands for it together with the quotes around it.
        let takesQuotes: Bool
    }

    /// Why an answer is refused that puts a placeholder into another place, or one of a number or an object into a string.
    static let misplaced = "what is hidden may not be moved here"
    static let prefix = Array("weir-hidden-".utf8)

    /// Whether one begins somewhere in a text.
    static func mayStand(in text: UnsafeRawBufferPointer) -> Bool {
        guard var place = text.baseAddress else { return false }
        var left = text.count
        while left >= prefix.count,
            let found = memchr(place, Int32(prefix[0]), left - prefix.count + 1).map(UnsafeRawPointer.init)
        {
            if UnsafeRawBufferPointer(start: found, count: prefix.count).elementsEqual(prefix) { return true }
            left -= found - place + 1
            place = found + 1
        }
        return false
    }

    private static let digits = 15
    /// Shorter values are too often part of other words to be looked for in texts.
    private static let shortestCopy = 6

    private let flow: String
    private var values: [UInt64: Hidden] = [:]
    private var counts: [HiddenPlace: Int] = [:]

    init(of flow: String) { self.flow = flow }

    var isEmpty: Bool { values.isEmpty }

    /// Keeps a value; the result stands for it.
    mutating func hide(_ bytes: some Sequence<UInt8>, at place: HiddenPlace, takesQuotes: Bool = false) -> [UInt8] {
        let ordinal = counts[place, default: 0]
        counts[place] = ordinal + 1
        var hasher = Hasher()
        hasher.combine(flow)
        hasher.combine(place)
        hasher.combine(ordinal)
        var number = 100_000_000_000_000 + UInt64(UInt(bitPattern: hasher.finalize())) % 900_000_000_000_000
        while values[number] != nil { number = number == 999_999_999_999_999 ? 100_000_000_000_000 : number + 1 }
        values[number] = Hidden(place: place, bytes: Array(bytes), takesQuotes: takesQuotes)
        return Self.prefix + String(number).utf8
    }

    /// The bytes with the values behind placeholders of that place. Text that only looks like a placeholder stays.
    func restored(_ bytes: [UInt8], at place: HiddenPlace, path: @autoclosure () -> String) throws(StateRefusal) -> [UInt8] {
        guard let first = bytes.firstRange(of: Self.prefix) else { return bytes }
        var result = Array(bytes[..<first.lowerBound])
        var index = first.lowerBound
        while index < bytes.count {
            guard let number = Self.number(in: bytes, at: index), let hidden = values[number] else {
                result.append(bytes[index])
                index += 1
                continue
            }
            guard hidden.place == place else {
                throw StateRefusal(.denied, at: path(), Self.misplaced)
            }
            index += Self.prefix.count + Self.digits
            if hidden.takesQuotes {
                guard result.last == UInt8(ascii: "\""), index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                    throw StateRefusal(.denied, at: path(), Self.misplaced)
                }
                result.removeLast()
                index += 1
            }
            result += hidden.bytes
        }
        return result
    }

    /// A text with the values hidden that it repeats, whole or one of their words: those of headers and of the request's target.
    mutating func hidingCopies(in text: [UInt8], at place: HiddenPlace) -> [UInt8] {
        guard text.count >= Self.shortestCopy else { return text }
        let known = Set(values.values.lazy.filter { $0.place.isOfHead && $0.bytes.count >= Self.shortestCopy }.map(\.bytes))
        guard !known.isEmpty else { return text }
        // What is there already stands between the pieces, and is not looked into again.
        var pieces = [text]
        var stands: [[UInt8]] = []
        // Longer ones first: one value may be a part of another.
        for value in known.sorted(by: { $0.count != $1.count ? $0.count > $1.count : $0.lexicographicallyPrecedes($1) }) {
            var index = 0
            while index < pieces.count {
                if let range = pieces[index].firstRange(of: value) {
                    pieces.insert(Array(pieces[index][range.upperBound...]), at: index + 1)
                    pieces[index] = Array(pieces[index][..<range.lowerBound])
                    stands.insert(hide(value, at: place), at: index)
                }
                index += 1
            }
        }
        let words = Set(known.flatMap { $0.split(whereSeparator: Self.isBetweenWords) }.filter { $0.count >= Self.shortestCopy })
        return zip(pieces, stands + [[]]).reduce(into: []) { result, next in
            result += hidingWords(words, in: next.0, at: place) + next.1
        }
    }

    private mutating func hidingWords(_ words: Set<ArraySlice<UInt8>>, in text: [UInt8], at place: HiddenPlace) -> [UInt8] {
        var result: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            let word = rest.prefix { !Self.isBetweenWords($0) }
            result += words.contains(word) ? hide(word, at: place) : Array(word)
            rest = rest.dropFirst(word.count)
            if let byte = rest.popFirst() { result.append(byte) }
        }
        return result
    }

    /// What separates a session's number from the rest of its cookie, and a token from its scheme.
    private static func isBetweenWords(_ byte: UInt8) -> Bool { #" ;,="'&"#.utf8.contains(byte) }

    private static func number(in bytes: [UInt8], at index: Int) -> UInt64? {
        guard bytes[index] == prefix[0], index + prefix.count + digits <= bytes.count, bytes[index...].starts(with: prefix)
        else { return nil }
        var number: UInt64 = 0
        for byte in bytes[(index + prefix.count)...].prefix(digits) {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + UInt64(byte - 0x30)
        }
        return number
    }
}
