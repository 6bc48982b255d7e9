import FlowModel
import NIOCore

/// Reads the responses of one server connection, each matched with the request that asked for it.
///
/// States: between messages or in a head, in a body, detached; terminal are closed and failed, which repeat themselves.
/// Call `expectResponse` once for every request sent, before its response can arrive; then `received` and `next` as for requests.
/// Octets that no request asked for are a failure, since on a reused connection they would answer the next request.
///
/// Behind 101, and behind 2xx to CONNECT, it is *detached*: after `.head` with framing `.none` and `.end`, `takeRemaining` gives all that
/// arrived. Whether the request asked for a switch is left to the caller.
public struct ResponseParser {
    /// What happened next on the connection.
    public enum Event: Hashable, Sendable {
        /// Nothing until more octets or the end of input arrive.
        case needMore
        /// A 1xx other than 101; the response itself is still to come.
        case informational(ResponseHead)
        case head(ResponseHead, Framing)
        /// A slice of the body, never empty; where it is cut means nothing.
        case body(ByteBuffer)
        /// The message is complete; nil when there were no trailers. Comes for responses without a body as well.
        case end(trailers: Headers?)
        /// The server closed between two messages; if a response was expected, it will not come.
        case closed
        case failed(MessageFailure)
    }

    private enum State {
        case head
        case body
        case detached
        case closed
        case failed(MessageFailure)
    }

    private let limits: Limits
    private var input = Input()
    private var state = State.head
    private var head: HeadParser
    private var body: BodyParser
    private var detachesAfterBody = false
    private var methods: [ByteString] = []

    /// A parser at the start of a connection.
    public init(limits: Limits = Limits()) {
        self.limits = limits
        head = HeadParser(.response, limits: limits)
        body = BodyParser(.none, limits: limits)
    }

    /// How many final responses are still to begin.
    public var expectedResponses: Int { methods.count }

    /// True once another protocol follows, behind 101 or 2xx to CONNECT.
    public var isDetached: Bool {
        if case .detached = state { return true }
        return false
    }

    /// A request with that method was sent; its response comes after those expected before.
    public mutating func expectResponse(toMethod method: ByteString) {
        methods.append(method)
    }

    /// Octets came from the server. They are kept until `next` consumes them, so the caller bounds them by not reading on.
    public mutating func received(_ bytes: ByteBuffer) {
        input.received(bytes)
    }

    /// The server will send no more.
    public mutating func inputClosed() {
        input.closed()
    }

    /// Takes the octets behind the last message, for the protocol that follows; this parser then reads no more heads.
    public mutating func takeRemaining() -> ByteBuffer {
        state = .detached
        return input.takeAll()
    }

    /// The next event; after `.closed` and `.failed` always the same.
    public mutating func next() -> Event {
        switch state {
        case .head: return readHead()
        case .body: return readBody()
        case .detached: return .needMore
        case .closed: return .closed
        case .failed(let failure): return .failed(failure)
        }
    }

    private mutating func fail(_ failure: MessageFailure) -> Event {
        state = .failed(failure)
        return .failed(failure)
    }

    private mutating func readHead() -> Event {
        if input.buffer.readableBytes == 0 {
            guard input.isClosed else { return .needMore }
            state = .closed
            return .closed
        }
        guard let method = methods.first else { return fail(.unsolicitedResponse) }
        switch head.read(input.buffer) {
        case .failed(let failure):
            return fail(failure)
        case .incomplete:
            return input.isClosed ? fail(.closedInHead(received: input.buffer.readableBytes)) : .needMore
        case .complete(let length):
            do throws(MessageFailure) {
                return try headComplete(length: length, method: method)
            } catch {
                return fail(error)
            }
        }
    }

    private mutating func headComplete(length: Int, method: ByteString) throws(MessageFailure) -> Event {
        guard case .response(let version, let status, let reason) = head.startLine else { throw .badStatusLine }
        let reasonBytes = input.buffer.withUnsafeReadableBytes { ByteString(word: $0.part(reason)) }
        let headers = head.takeHeaders(input.buffer, length: length)
        let response = ResponseHead(version: version, status: status, reason: reasonBytes, headers: headers)
        input.buffer.moveReaderIndex(forwardBy: length)
        head = HeadParser(.response, limits: limits)
        if status < 200, status != 101 { return .informational(response) }
        methods.removeFirst()
        let framing = try Framing.of(response, toMethod: method)
        body = BodyParser(framing, limits: limits)
        detachesAfterBody = status == 101 || (method.isExactly("CONNECT") && status < 300)
        state = .body
        return .head(response, framing)
    }

    private mutating func readBody() -> Event {
        switch body.next(&input) {
        case .needMore:
            return .needMore
        case .bytes(let bytes):
            return .body(bytes)
        case .end(let trailers):
            state = detachesAfterBody ? .detached : .head
            return .end(trailers: trailers)
        case .failed(let failure):
            return fail(failure)
        }
    }
}
