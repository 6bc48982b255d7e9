import FlowModel
import HTTPExchange
import ProxyKernel

/// Gives an outgoing head the one framing that fits its body, whatever the lines said before.
///
/// Lines that already say exactly that stay octet for octet where they are; otherwise the first Content-Length or
/// Transfer-Encoding line takes the new value in place, and all others go.
public enum OutgoingFraming {
    /// Frames a request. Nil means that it cannot be sent so: an HTTP/1.0 server takes no body of unknown length, and the request
    /// would have no end otherwise. The headers are then unchanged.
    public static func apply(toRequest headers: inout Headers, length: BodyLength, peer: HTTPVersion) -> Framing? {
        switch length {
        case .none:
            removeFraming(&headers)
            return Framing.none
        case .exact(let length):
            setLength(&headers, length)
            return .length(length)
        case .unknown:
            guard peer == .http11 else { return nil }
            setChunked(&headers)
            return .chunked
        }
    }

    /// Frames a response with that status to a request with that method, for a client of that version.
    ///
    /// After `.untilClose` the connection must close. A response that has no body by its nature keeps a Content-Length that says
    /// what the body would have been, where RFC 9110 8.6 allows one: for HEAD and 304.
    public static func apply(
        toResponse headers: inout Headers, status: Int, method: ByteString, length: BodyLength, peer: HTTPVersion
    ) -> Framing {
        if status < 200 || status == 204 || (method.isExactly("CONNECT") && status < 300) {
            removeFraming(&headers)
            return .none
        }
        if method.isExactly("HEAD") || status == 304 {
            keepDescription(&headers, length: length, peer: peer)
            return .none
        }
        switch length {
        case .none:
            // Without a length the client would wait for the connection to close.
            setLength(&headers, 0)
            return .length(0)
        case .exact(let length):
            setLength(&headers, length)
            return .length(length)
        case .unknown where peer == .http11:
            setChunked(&headers)
            return .chunked
        case .unknown:
            removeFraming(&headers)
            return .untilClose
        }
    }

    /// What HEAD and 304 say of a body that does not come: one valid statement stays, a doubtful one goes.
    private static func keepDescription(_ headers: inout Headers, length: BodyLength, peer: HTTPVersion) {
        if case .exact(let length) = length {
            setLength(&headers, length)
            return
        }
        if headers.contains("Transfer-Encoding") {
            if peer == .http11, headers.hasToken("chunked", in: "Transfer-Encoding") {
                setChunked(&headers)
            } else {
                removeFraming(&headers)
            }
            return
        }
        // A throw means that the lines contradict each other or are no numbers.
        guard let length = try? Framing.contentLength(headers) else {
            removeFraming(&headers)
            return
        }
        setLength(&headers, length)
    }

    private static func removeFraming(_ headers: inout Headers) {
        headers.remove("Content-Length")
        headers.remove("Transfer-Encoding")
    }

    private static func setLength(_ headers: inout Headers, _ length: Int) {
        headers.remove("Transfer-Encoding")
        let index = headers.index(of: "Content-Length")
        if let index, headers.index(of: "Content-Length", from: index + 1) == nil {
            let isCanonical = headers.withLine(at: index) { _, value in
                value.decimal() == length && (value.first != UInt8(ascii: "0") || value.count == 1)
            }
            if isCanonical { return }
        }
        headers.set("Content-Length", ByteString(String(length)))
    }

    private static func setChunked(_ headers: inout Headers) {
        headers.remove("Content-Length")
        let index = headers.index(of: "Transfer-Encoding")
        if let index, headers.index(of: "Transfer-Encoding", from: index + 1) == nil {
            let isCanonical = headers.withLine(at: index) { _, value in value.equalsIgnoringCase("chunked") }
            if isCanonical { return }
        }
        headers.set("Transfer-Encoding", "chunked")
    }
}
