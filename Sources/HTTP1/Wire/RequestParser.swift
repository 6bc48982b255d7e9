import FlowModel
import NIOCore

/// Reads the requests of one client connection, any number of them behind each other.
///
/// States: between messages or in a head, in a body, held, detached; terminal are closed and failed, which repeat themselves.
/// Whoever uses it gives it octets with `received` and then calls `next` until it answers `.needMore`, `.closed` or `.failed`.
///
/// Behind CONNECT and behind a request with Upgrade it is *held*: what follows may be another protocol's, so `next` answers
/// `.needMore` until the response is known. Then call either `takeRemaining` (the switch happened) or `upgradeRefused` (it did not).
///
/// It enforces the syntax and framing of RFC 9112 and the presence of Host; the form of the target is left to `RequestTarget`.
public struct RequestParser {
    /// What happened next on the connection.
    public enum Event: Hashable, Sendable {
        /// Nothing until more octets or the end of input arrive.
        case needMore
        case head(RequestHead, Framing)
        /// A slice of the body, never empty; where it is cut means nothing.
        case body(ByteBuffer)
        /// The message is complete; nil when there were no trailers. Comes for requests without a body as well.
        case end(trailers: Headers?)
        /// The client closed between two messages.
        case closed
        case failed(MessageFailure)
    }

    private enum State {
        case head
        case body
        case held
        case detached
        case closed
        case failed(MessageFailure)
    }

    private let limits: Limits
    private var input = Input()
    private var state = State.head
    private var head: HeadParser
    private var body: BodyParser
    private var holdsAfterBody = false
    /// The Host of the request before, which is fit: nearly all requests of a connection have the same.
    private var fitHost = ByteString()

    /// A parser at the start of a connection.
    public init(limits: Limits = Limits()) {
        self.limits = limits
        head = HeadParser(.request, limits: limits)
        body = BodyParser(.none, limits: limits)
    }

    /// True behind CONNECT or a request with Upgrade, until `takeRemaining` or `upgradeRefused`.
    public var isHeld: Bool {
        if case .held = state { return true }
        return false
    }

    /// Octets have come that `next` has not made anything of.
    public var hasInput: Bool { input.buffer.readableBytes > 0 }

    /// Octets came from the client. They are kept until `next` consumes them, so the caller bounds them by not reading on.
    public mutating func received(_ bytes: ByteBuffer) {
        input.received(bytes)
    }

    /// The client will send no more.
    public mutating func inputClosed() {
        input.closed()
    }

    /// The response to a CONNECT or Upgrade request kept HTTP/1: the octets behind it are the next request. Otherwise without effect.
    public mutating func upgradeRefused() {
        holdsAfterBody = false
        if case .held = state { state = .head }
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
        case .held, .detached: return .needMore
        case .closed: return .closed
        case .failed(let failure): return .failed(failure)
        }
    }

    private mutating func fail(_ failure: MessageFailure) -> Event {
        state = .failed(failure)
        return .failed(failure)
    }

    private mutating func readHead() -> Event {
        switch head.read(input.buffer) {
        case .failed(let failure):
            return fail(failure)
        case .incomplete:
            guard input.isClosed else { return .needMore }
            guard head.isBlank(input.buffer) else { return fail(.closedInHead(received: input.buffer.readableBytes)) }
            state = .closed
            return .closed
        case .complete(let length):
            do throws(MessageFailure) {
                return try headComplete(length: length)
            } catch {
                return fail(error)
            }
        }
    }

    private mutating func headComplete(length: Int) throws(MessageFailure) -> Event {
        guard case .request(let method, let target, let version) = head.startLine else { throw .badRequestLine }
        let (methodBytes, targetBytes) = input.buffer.withUnsafeReadableBytes {
            (ByteString(word: $0.part(method)), ByteString($0.part(target)))
        }
        let headers = head.takeHeaders(input.buffer, length: length)
        let request = RequestHead(method: methodBytes, target: targetBytes, version: version, headers: headers)
        input.buffer.moveReaderIndex(forwardBy: length)
        head = HeadParser(.request, limits: limits)
        try checkHost(request)
        let framing = try Framing.of(request)
        body = BodyParser(framing, limits: limits)
        holdsAfterBody = request.method.isExactly("CONNECT") || headers.contains("Upgrade")
        state = .body
        return .head(request, framing)
    }

    /// RFC 9112 3.2: exactly one Host in HTTP/1.1, at most one before, and a value that cannot be read in two ways.
    private mutating func checkHost(_ request: RequestHead) throws(MessageFailure) {
        guard let index = request.headers.index(of: "Host") else {
            if request.version == .http11 { throw .missingHost }
            return
        }
        guard request.headers.index(of: "Host", from: index + 1) == nil else { throw .repeatedHost }
        // An empty value is right where the target has no authority.
        let isFit = request.headers.withLine(at: index) { _, value in
            if fitHost.bytes.withUnsafeBytes({ value.isExactly($0) }) { return true }
            guard value.isEmpty || Authority.isWellFormed(value) else { return false }
            fitHost = ByteString(value)
            return true
        }
        guard isFit else { throw .badHost(request.headers.value(at: index)) }
    }

    private mutating func readBody() -> Event {
        switch body.next(&input) {
        case .needMore:
            return .needMore
        case .bytes(let bytes):
            return .body(bytes)
        case .end(let trailers):
            state = holdsAfterBody ? .held : .head
            return .end(trailers: trailers)
        case .failed(let failure):
            return fail(failure)
        }
    }
}
