import Codings
import FlowModel
import NIOCore

/// The body of a request or response as formats for people show it: without its content codings, and as text if it is text.
struct MessageBody {
    /// The octets as they stand on the wire; nil if they are not in the state.
    let raw: [UInt8]?
    /// Without content codings; as on the wire if these cannot be undone.
    let decoded: [UInt8]?
    /// False if the body has codings that cannot be undone.
    let isDecoded: Bool
    /// The size on the wire, also of a body that is not in the state; nil if it is not known.
    let rawSize: Int?
    /// True for a body that is held in a file: text forms are made in memory.
    let isTooLong: Bool
    private let contentType: String

    init(_ content: Content, _ headers: Headers) {
        contentType = headers.folded("Content-Type")
        isTooLong = if case .file = content { true } else { false }
        switch content {
        case .missing: (raw, rawSize) = ([], 0)
        case .omitted(let size): (raw, rawSize) = (nil, size)
        case .file(let file): (raw, rawSize) = (nil, file.size)
        case .reference: (raw, rawSize) = (nil, nil)
        case .bytes(let buffer): (raw, rawSize) = (Array(buffer.readableBytesView), buffer.readableBytes)
        }
        guard let raw, !raw.isEmpty else {
            (decoded, isDecoded) = (raw, true)
            return
        }
        do throws(CodingFailure) {
            let stack = try ContentCoding.stack(headers.folded("Content-Encoding"))
            decoded = stack.isEmpty ? raw : try ContentDecoder.decode(raw, codings: stack)
            isDecoded = true
        } catch {
            decoded = raw
            isDecoded = false
        }
    }

    /// True for octets that are no text for people: more than 30 of the first 100 are control or other characters beyond ASCII.
    var isMostlyBinary: Bool {
        guard let decoded, !decoded.isEmpty else { return false }
        let sample = decoded.prefix(100)
        let odd = sample.count { $0 < 9 || $0 > 13 && $0 < 32 || $0 > 126 }
        return Double(odd) / Double(sample.count) > 0.3
    }

    /// The body as text in its charset; nil if it is not in the state, or no text in that charset.
    var text: String? { decoded.flatMap { CharacterSet(Self.charset(contentType, $0)).decode($0) } }

    /// The octets that `text` stood for in a message with that `Content-Type`; UTF-8 where its charset lacks a character.
    static func octets(_ text: String, contentType: String) -> [UInt8] {
        let utf8 = Array(text.utf8)
        return CharacterSet(charset(contentType, utf8)).encode(text) ?? utf8
    }

    /// The name of a body's character encoding: what its type says, else what the body says of itself, else Latin-1.
    static func charset(_ contentType: String, _ body: [UInt8]) -> String {
        if let named = parameter("charset", of: contentType), !named.isEmpty { return named }
        if contentType.contains("json") { return "utf-8" }
        if contentType.contains("html"), let named = metaCharset(body) { return named }
        if contentType.contains("text/css"), let named = cssCharset(body) { return named }
        return "latin-1"
    }

    private static func parameter(_ name: String, of contentType: String) -> String? {
        let parts = contentType.split(separator: ";", omittingEmptySubsequences: false)
        guard parts[0].contains("/") else { return nil }
        var found: String?
        for part in parts.dropFirst() {
            let clause = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if clause.count == 2, clause[0].trimmed == name { found = String(clause[1].trimmed) }
        }
        return found
    }

    /// The charset that a `<meta>` names; the last one in the first `<meta>` that has one.
    private static func metaCharset(_ body: [UInt8]) -> String? {
        var rest = body[...]
        while let tag = rest.firstRange(of: "<meta") {
            rest = rest[tag.upperBound...]
            var attributes = rest.prefix { $0 != UInt8(ascii: ">") }
            while let place = attributes.lastRange(of: "charset=") {
                var value = rest[place.upperBound...]
                if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                    value = value.dropFirst()
                }
                let name = value.prefix { !#"'">"#.utf8.contains($0) }
                if !name.isEmpty { return String(decoding: name.filter { $0 < 0x80 }, as: UTF8.self) }
                attributes = attributes[..<place.lowerBound]
            }
        }
        return nil
    }

    /// What a style sheet that begins with `@charset "…";` names.
    private static func cssCharset(_ body: [UInt8]) -> String? {
        let opening = #"@charset ""#
        guard body.prefix(opening.utf8.count).firstRange(of: opening) != nil else { return nil }
        let rest = body.dropFirst(opening.utf8.count)
        let name = rest.prefix { $0 != UInt8(ascii: "\"") }
        guard !name.isEmpty, rest[name.endIndex...].starts(with: #"";"#.utf8) else { return nil }
        return String(decoding: name.filter { $0 < 0x80 }, as: UTF8.self)
    }
}

extension ArraySlice<UInt8> {
    /// Where `text` stands first, without regard to ASCII case.
    fileprivate func firstRange(of text: String) -> Range<Int>? { ranges(of: text, in: indices) }

    fileprivate func lastRange(of text: String) -> Range<Int>? { ranges(of: text, in: indices.reversed()) }

    private func ranges(of text: String, in starts: some Sequence<Int>) -> Range<Int>? {
        let wanted = Array(text.utf8)
        for start in starts where endIndex - start >= wanted.count {
            if (0..<wanted.count).allSatisfy({ self[start + $0].asciiLowercased == wanted[$0] }) {
                return start..<start + wanted.count
            }
        }
        return nil
    }
}

extension Substring {
    /// Without white space at either end.
    var trimmed: Substring {
        let start = self.drop { $0 == " " || $0 == "\t" }
        return start[..<(start.lastIndex { $0 != " " && $0 != "\t" }.map { start.index(after: $0) } ?? start.startIndex)]
    }
}

extension Headers {
    /// The values of all lines of that name, joined with `, `; empty if there is none.
    func folded(_ name: String) -> String { values(named: name).map(\.text).joined(separator: ", ") }
}

extension ByteString {
    /// The text of the octets: UTF-8, or else Latin-1 as browsers read header fields.
    var text: String { utf8 ?? CharacterSet.latin1(bytes) }
}
