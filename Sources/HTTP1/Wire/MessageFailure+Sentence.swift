import FlowModel

extension MessageFailure: CustomStringConvertible {
    /// One sentence without a full stop: what was wrong and where.
    public var description: String {
        switch self {
        case .tooManyEmptyLines(let limit): "more than \(limit) empty lines before the request line"
        case .badRequestLine: "the request line is not a method, a target and a version with one space between them"
        case .badMethod: "the method is not a token"
        case .badTarget: "the request target is empty or holds a space or a control character"
        case .badVersion(let found): "\(Self.quoted(found)) is not an HTTP version"
        case .unsupportedVersion(let found): "\(Self.quoted(found)) is not a version that HTTP/1 syntax can carry"
        case .badStatusLine: "the status line is not a version, a status and a reason with one space between them"
        case .badStatus(let found): "\(Self.quoted(found)) is not a status from 100 to 999"
        case .badReason: "the reason phrase holds a control character"
        case .bareLineFeed(let place): "LF without CR in \(place): others may see a line end where this proxy sees none"
        case .bareCarriageReturn(let place): "CR without LF in \(place): others may see a line end where this proxy sees none"
        case .controlCharacter(let octet, let place):
            "control character \(octet == 0 ? "NUL" : Self.hexadecimal(octet)) in \(place)"
        case .whitespaceBeforeFields: "whitespace before the first field line"
        case .foldedLine(let place): "\(place) begins with whitespace, which once continued the line before it"
        case .emptyFieldName(let place): "no field name before the colon in \(place)"
        case .badFieldName(let octet, let place): "\(Self.hexadecimal(octet)) in the field name of \(place)"
        case .whitespaceBeforeColon(let place): "whitespace between field name and colon in \(place)"
        case .missingColon(let place): "no colon in \(place)"
        case .requestLineTooLong(let limit): "the request line is longer than \(limit) bytes"
        case .lineTooLong(let place, let limit): "\(place) is longer than \(limit) bytes"
        case .headTooLarge(let limit): "the head is larger than \(limit) bytes"
        case .tooManyFields(let limit): "too many field lines: more than \(limit) field lines"
        case .trailersTooLarge(let limit): "the trailers are larger than \(limit) bytes"
        case .lengthAndTransferEncoding: "Content-Length and Transfer-Encoding in one message"
        case .badContentLength(let found): "Content-Length \(Self.quoted(found)) is not a number"
        case .contentLengthTooLarge(let found): "Content-Length \(Self.quoted(found)) is too large"
        case .differingContentLengths(let one, let other): "Content-Length is both \(one) and \(other)"
        case .transferEncodingInHTTP10: "Transfer-Encoding in an HTTP/1.0 message"
        case .badTransferEncoding(let found): "Transfer-Encoding \(Self.quoted(found)) is not a list of transfer codings"
        case .chunkedNotLast: "in Transfer-Encoding, chunked is not the last transfer coding, so the body has no end"
        case .chunkedRepeated: "in Transfer-Encoding, chunked is applied more than once"
        case .unknownTransferCoding(let found): "transfer coding \(Self.quoted(found)) is not supported"
        case .missingHost: "an HTTP/1.1 request without Host"
        case .repeatedHost: "more than one Host in a request"
        case .badHost(let found): "Host \(Self.quoted(found)) is not a host with an optional port"
        case .badChunkSize: "a chunk size is not made of hexadecimal digits alone"
        case .chunkTooLarge: "a chunk size is too large"
        case .badChunkExtension: "a chunk extension holds a control character"
        case .chunkExtensionTooLong(let limit): "a chunk extension is longer than \(limit) bytes"
        case .missingChunkEnd: "no CRLF behind the data of a chunk"
        case .closedInHead(let received): "closed after \(received) bytes of a head"
        case .closedInBody(let received, .some(let expected)): "closed after \(received) of \(expected) body bytes"
        case .closedInBody(let received, .none): "closed after \(received) body bytes, before the last chunk"
        case .unsolicitedResponse: "a response that no request asked for"
        }
    }

    private static func hexadecimal(_ octet: UInt8) -> String {
        let digits = String(octet, radix: 16, uppercase: true)
        return "0x" + (digits.count == 1 ? "0" : "") + digits
    }

    /// What a stranger sent, fit for one line of a log.
    private static func quoted(_ found: ByteString) -> String {
        let text = found.bytes.prefix(64).map {
            (0x20...0x7E).contains($0) ? String(UnicodeScalar($0)) : "\\x\(String($0, radix: 16))"
        }
        return "\"\(text.joined())\(found.bytes.count > 64 ? "…" : "")\""
    }
}
