import FlowModel

/// Why octets are not an HTTP/1 message that may be passed on; each is a sentence for people and a status for the client.
///
/// After one, where the message ends is anybody's guess, so the connection it came from must close.
public enum MessageFailure: Error, Hashable, Sendable {
    /// Where a line stands.
    public struct Place: Hashable, Sendable {
        /// The part of a message that is made of lines.
        public enum Section: String, Hashable, Sendable {
            case head
            case trailers
            case chunkSize = "chunk size"
        }

        public var section: Section
        /// Counted from 1, which in a head is the start line; empty lines before it do not count.
        public var line: Int

        public init(_ section: Section, line: Int) {
            self.section = section
            self.line = line
        }
    }

    // The start line.
    case tooManyEmptyLines(limit: Int)
    case badRequestLine
    case badMethod
    case badTarget
    case badVersion(ByteString)
    case unsupportedVersion(ByteString)
    case badStatusLine
    case badStatus(ByteString)
    case badReason
    // Lines.
    case bareLineFeed(Place)
    case bareCarriageReturn(Place)
    case controlCharacter(UInt8, Place)
    case whitespaceBeforeFields
    case foldedLine(Place)
    case emptyFieldName(Place)
    case badFieldName(UInt8, Place)
    case whitespaceBeforeColon(Place)
    case missingColon(Place)
    // Limits.
    case requestLineTooLong(limit: Int)
    case lineTooLong(Place, limit: Int)
    case headTooLarge(limit: Int)
    case tooManyFields(limit: Int)
    case trailersTooLarge(limit: Int)
    // Framing and routing.
    case lengthAndTransferEncoding
    case badContentLength(ByteString)
    case contentLengthTooLarge(ByteString)
    case differingContentLengths(Int, Int)
    case transferEncodingInHTTP10
    case badTransferEncoding(ByteString)
    case chunkedNotLast
    case chunkedRepeated
    case unknownTransferCoding(ByteString)
    case missingHost
    case repeatedHost
    case badHost(ByteString)
    // Chunks.
    case badChunkSize
    case chunkTooLarge
    case badChunkExtension
    case chunkExtensionTooLong(limit: Int)
    case missingChunkEnd
    // The end of input.
    case closedInHead(received: Int)
    /// `expected` is nil for a chunked body, whose length nobody announced.
    case closedInBody(received: Int, expected: Int?)
    case unsolicitedResponse

    /// The status to answer a request with; for a response that failed, the client gets 502 whatever it was.
    public var suggestedStatus: Int {
        switch self {
        case .requestLineTooLong: 414
        case .lineTooLong, .headTooLarge, .tooManyFields, .trailersTooLarge: 431
        case .unknownTransferCoding: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }
}

extension MessageFailure.Place: CustomStringConvertible {
    public var description: String {
        section == .chunkSize ? "the size line of chunk \(line)" : "line \(line) of the \(section.rawValue)"
    }
}
