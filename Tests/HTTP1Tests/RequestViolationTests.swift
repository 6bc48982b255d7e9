import FlowModel
import HTTP1
import Testing

@Suite("Requests that are refused")
struct RequestViolationTests {
    private static func head(_ line: Int) -> MessageFailure.Place { .init(.head, line: line) }
    private static func trailers(_ line: Int) -> MessageFailure.Place { .init(.trailers, line: line) }
    private static func chunk(_ number: Int) -> MessageFailure.Place { .init(.chunkSize, line: number) }

    static let startLines: [(String, MessageFailure)] = [
        ("GET /\r\n", .badRequestLine),
        ("GET\r\n", .badRequestLine),
        ("GET HTTP/1.1\r\n", .badRequestLine),
        (" GET / HTTP/1.1\r\n", .badMethod),
        ("G@T / HTTP/1.1\r\n", .badMethod),
        ("G\0T / HTTP/1.1\r\n", .badMethod),
        ("GET\t/ HTTP/1.1\r\n", .badMethod),
        ("G\u{E9}T / HTTP/1.1\r\n", .badMethod),
        ("\u{16}\u{3}\u{1}\r\n", .badMethod),
        ("GE\rT / HTTP/1.1\r\n", .bareCarriageReturn(head(1))),
        ("GET  / HTTP/1.1\r\n", .badTarget),
        ("GET /  HTTP/1.1\r\n", .badTarget),
        ("GET  HTTP/1.1\r\n", .badTarget),
        ("GET /a b HTTP/1.1\r\n", .badTarget),
        ("GET /\t HTTP/1.1\r\n", .badTarget),
        ("GET /\0 HTTP/1.1\r\n", .badTarget),
        ("GET /\u{7F} HTTP/1.1\r\n", .badTarget),
        ("GET /\r HTTP/1.1\r\n", .bareCarriageReturn(head(1))),
        ("GET / HTTP/1.1 \r\n", .badTarget),
        ("GET / http/1.1\r\n", .badVersion("http/1.1")),
        ("GET / HTTP/1\r\n", .badVersion("HTTP/1")),
        ("GET / HTTP/1.10\r\n", .badVersion("HTTP/1.10")),
        ("GET / HTTP/a.1\r\n", .badVersion("HTTP/a.1")),
        ("GET / HTTPS/1.1\r\n", .badVersion("HTTPS/1.1")),
        ("GET / FTP\r\n", .badVersion("FTP")),
        ("GET / HTTP/1.1\r\r\n", .badVersion("HTTP/1.1\r")),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion("HTTP/2.0")),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion("HTTP/2.0")),
        ("GET / HTTP/0.9\r\n", .unsupportedVersion("HTTP/0.9")),
        ("GET / HTTP/1.2\r\n", .unsupportedVersion("HTTP/1.2")),
        ("\nGET / HTTP/1.1\r\n", .bareLineFeed(head(1))),
        ("GET / HTTP/1.1\n", .bareLineFeed(head(1))),
        ("\r\n\r\n\r\n\r\n\r\n", .tooManyEmptyLines(limit: 4)),
    ]

    static let fieldLines: [(String, MessageFailure)] = [
        ("A: b\n", .bareLineFeed(head(3))),
        ("A: b\nC: d\r\n\r\n", .bareLineFeed(head(3))),
        ("\n", .bareLineFeed(head(3))),
        ("A: b\rC: d\r\n", .bareCarriageReturn(head(3))),
        ("A: b\r\r\n", .bareCarriageReturn(head(3))),
        ("A\rB: c\r\n", .bareCarriageReturn(head(3))),
        ("\rA: c\r\n", .bareCarriageReturn(head(3))),
        (" folded\r\n", .foldedLine(head(3))),
        ("\tfolded: x\r\n", .foldedLine(head(3))),
        ("A: b\r\n \r\n", .foldedLine(head(4))),
        ("A : b\r\n", .whitespaceBeforeColon(head(3))),
        ("Transfer-Encoding\t: chunked\r\n", .whitespaceBeforeColon(head(3))),
        ("A  \t: b\r\n", .whitespaceBeforeColon(head(3))),
        (": b\r\n", .emptyFieldName(head(3))),
        ("A b: c\r\n", .badFieldName(0x20, head(3))),
        ("A(: c\r\n", .badFieldName(0x28, head(3))),
        ("A\0: c\r\n", .badFieldName(0, head(3))),
        ("\u{E9}: c\r\n", .badFieldName(0xE9, head(3))),
        ("A\u{7F}: c\r\n", .badFieldName(0x7F, head(3))),
        ("A/b: c\r\n", .badFieldName(0x2F, head(3))),
        ("A\r\n", .missingColon(head(3))),
        ("A: b\0c\r\n", .controlCharacter(0, head(3))),
        ("A: \u{1}\r\n", .controlCharacter(1, head(3))),
        ("A: b\u{B}\r\n", .controlCharacter(0xB, head(3))),
        ("A: b\u{7F}\r\n", .controlCharacter(0x7F, head(3))),
        ("A: b\u{1B}[0m\r\n", .controlCharacter(0x1B, head(3))),
        ("Host: b\r\n\r\n", .repeatedHost),
        ("host: a\r\n\r\n", .repeatedHost),
    ]

    static let framing: [(String, MessageFailure)] = [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", .lengthAndTransferEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", .lengthAndTransferEncoding),
        ("transfer-encoding: identity\r\ncontent-length: 3", .lengthAndTransferEncoding),
        ("Content-Length: 3\r\nContent-Length: 4", .differingContentLengths(3, 4)),
        ("Content-Length: 3, 4", .differingContentLengths(3, 4)),
        ("Content-Length: ", .badContentLength("")),
        ("Content-Length: +3", .badContentLength("+3")),
        ("Content-Length: -3", .badContentLength("-3")),
        ("Content-Length: 0x3", .badContentLength("0x3")),
        ("Content-Length: 3 3", .badContentLength("3 3")),
        ("Content-Length: 3,", .badContentLength("3,")),
        ("Content-Length: ,3", .badContentLength(",3")),
        ("Content-Length: 3.0", .badContentLength("3.0")),
        ("Content-Length: \"3\"", .badContentLength("\"3\"")),
        ("Content-Length: 9223372036854775807", .contentLengthTooLarge("9223372036854775807")),
        ("Content-Length: 9223372036854775808", .contentLengthTooLarge("9223372036854775808")),
        ("Content-Length: 18446744073709551619", .contentLengthTooLarge("18446744073709551619")),
        ("Content-Length: 99999999999999999999999x", .badContentLength("99999999999999999999999x")),
        ("Transfer-Encoding: gzip", .chunkedNotLast),
        ("Transfer-Encoding: identity", .chunkedNotLast),
        ("Transfer-Encoding: chunked, gzip", .chunkedNotLast),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", .chunkedNotLast),
        ("Transfer-Encoding: xchunked", .chunkedNotLast),
        ("Transfer-Encoding: chunked;q=1", .chunkedNotLast),
        ("Transfer-Encoding: chunked, chunked", .chunkedRepeated),
        ("Transfer-Encoding: chunked\r\ntransfer-encoding: CHUNKED", .chunkedRepeated),
        ("Transfer-Encoding: gzip, chunked", .unknownTransferCoding("gzip")),
        ("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", .unknownTransferCoding("cow")),
        ("Transfer-Encoding: ", .badTransferEncoding("")),
        ("Transfer-Encoding: ,", .badTransferEncoding("")),
        ("Transfer-Encoding: \"chunked\"", .badTransferEncoding("\"chunked\"")),
        ("Transfer-Encoding: chunked foo", .badTransferEncoding("chunked foo")),
        ("Transfer-Encoding: gzip;a=\",chunked\"", .badTransferEncoding("gzip;a=\",chunked\"")),
    ]

    static let chunks: [(String, MessageFailure)] = [
        ("\r\n", .badChunkSize),
        ("g\r\n", .badChunkSize),
        ("+1\r\na\r\n", .badChunkSize),
        ("-1\r\na\r\n", .badChunkSize),
        ("0x1\r\na\r\n", .badChunkSize),
        (" 1\r\na\r\n", .badChunkSize),
        ("1 \r\na\r\n", .badChunkSize),
        ("1 ;a\r\na\r\n", .badChunkSize),
        (";a\r\na\r\n", .badChunkSize),
        ("8000000000000000\r\n", .chunkTooLarge),
        ("ffffffffffffffff\r\n", .chunkTooLarge),
        ("00000000000000001\r\n", .chunkTooLarge),
        ("1\n", .bareLineFeed(chunk(1))),
        ("\n", .bareLineFeed(chunk(1))),
        ("1;a\n\r\n", .bareLineFeed(chunk(1))),
        ("1\r\r\n", .bareCarriageReturn(chunk(1))),
        ("1;a\rb\r\n", .bareCarriageReturn(chunk(1))),
        ("1;a\0\r\n", .badChunkExtension),
        ("1\r\nab\r\n", .missingChunkEnd),
        ("1\r\na\n0\r\n\r\n", .missingChunkEnd),
        ("1\r\na\r0\r\n\r\n", .missingChunkEnd),
        ("1\r\na\r\n2\n", .bareLineFeed(chunk(2))),
        ("0\r\nA: b\n\r\n", .bareLineFeed(trailers(1))),
        ("0\r\n\n", .bareLineFeed(trailers(1))),
        ("0\r\nA: b\r\nB : c\r\n\r\n", .whitespaceBeforeColon(trailers(2))),
        ("0\r\n folded\r\n", .whitespaceBeforeFields),
        ("0\r\nA: \0\r\n", .controlCharacter(0, trailers(1))),
        ("", .closedInBody(received: 0, expected: nil)),
        ("3\r\nab", .closedInBody(received: 2, expected: nil)),
        ("3\r\nabc\r", .closedInBody(received: 3, expected: nil)),
        ("3\r\nabc\r\n0\r\n", .closedInBody(received: 3, expected: nil)),
        ("3\r\nabc\r\n0\r\nA: b\r\n\r", .closedInBody(received: 3, expected: nil)),
    ]

    static let others: [(String, MessageFailure)] = [
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET http://a/ HTTP/1.1\r\nA: b\r\n\r\n", .missingHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", .repeatedHost),
        ("GET / HTTP/1.1\r\nHost: a, a\r\n\r\n", .badHost("a, a")),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost("a/b")),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .badHost("u@a")),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", .badHost("a:b")),
        ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", .badHost("::1")),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .whitespaceBeforeFields),
        ("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", .whitespaceBeforeFields),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        ("GET / HTTP/1.1\r\nHost: a\r\n", .closedInHead(received: 25)),
        ("\r\nG", .closedInHead(received: 3)),
        ("\r", .closedInHead(received: 1)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", .closedInBody(received: 3, expected: 9)),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nabc\r\n", .badRequestLine),
    ]

    private func expect(_ input: String, _ failure: MessageFailure) {
        #expect(hearRequests(input).failure == failure)
        #expect(hearRequests(octets(input).map { [$0] }).failure == failure)
    }

    @Test("a bad request line is refused", arguments: startLines)
    func badStartLine(input: String, failure: MessageFailure) {
        expect(input, failure)
        expect("GET /good HTTP/1.1\r\nHost: a\r\n\r\n" + input, failure)
    }

    @Test("a bad field line is refused at its place", arguments: fieldLines)
    func badFieldLine(lines: String, failure: MessageFailure) {
        expect("GET / HTTP/1.1\r\nHost: a\r\n" + lines, failure)
    }

    @Test("framing that can be read in two ways is refused", arguments: framing)
    func badFraming(lines: String, failure: MessageFailure) {
        expect("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", failure)
    }

    @Test("a bad chunk or trailer is refused", arguments: chunks)
    func badChunk(body: String, failure: MessageFailure) {
        expect("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body, failure)
    }

    @Test("missing, repeated and malformed Host, cut-off messages and others are refused", arguments: others)
    func badOther(input: String, failure: MessageFailure) {
        expect(input, failure)
    }

    @Test("the verdict is the same at every cut", arguments: startLines + others)
    func anyCut(input: String, failure: MessageFailure) {
        for pieces in cuts(octets(input)) { #expect(hearRequests(pieces).failure == failure) }
    }

    @Test(
        "the suggested status fits the failure",
        arguments: [
            (.requestLineTooLong(limit: 1), 414), (.headTooLarge(limit: 1), 431), (.tooManyFields(limit: 1), 431),
            (.unknownTransferCoding("x"), 501), (.unsupportedVersion("x"), 505), (.badMethod, 400),
            (.lengthAndTransferEncoding, 400),
        ] as [(MessageFailure, Int)])
    func statuses(failure: MessageFailure, status: Int) {
        #expect(failure.suggestedStatus == status)
    }

    @Test("sentences say what was wrong and where, and quote strangers safely")
    func sentences() {
        #expect(MessageFailure.lengthAndTransferEncoding.description == "Content-Length and Transfer-Encoding in one message")
        #expect(MessageFailure.controlCharacter(0, Self.head(3)).description == "control character NUL in line 3 of the head")
        #expect(MessageFailure.badHost("a\n\u{1B}").description == #"Host "a\xa\x1b" is not a host with an optional port"#)
        #expect(MessageFailure.closedInBody(received: 12, expected: 40).description == "closed after 12 of 40 body bytes")
    }
}
