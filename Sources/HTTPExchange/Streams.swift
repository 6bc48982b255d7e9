import FlowModel
import NIOCore
import ProxyKernel
import Schema

/// The client's side of one exchange, of whatever HTTP version. Confined to the session's loop.
public protocol ClientStream: BodySink {
    /// Tells the client to send the body that it announced with `Expect: 100-continue`; nothing if it did not.
    func continueIfExpected()
    /// The client waits for a 100 before it sends its body.
    var expectsContinue: Bool { get }
    /// Passes an interim response on.
    func sendInformational(_ response: Response)
    /// Sends the final head; the body follows as a sink's.
    func sendHead(_ response: Boxed<Response>, length: BodyLength)
    /// Ends the client's connection without anything that looks like a complete response.
    func abort()
    /// What the client said of the request's urgency, and who is told when it says so anew.
    var priority: StreamPriority? { get }
    var whenReprioritized: ((StreamPriority) -> Void)? { get set }
    /// True once a head was sent, after which a failure can no longer be told politely.
    var headWasSent: Bool { get }
    /// Leaves HTTP, for the protocol that follows; nil if there is nobody to speak it with.
    func takeOver() -> TunnelEnd?
}

extension ClientStream {
    public var priority: StreamPriority? { nil }
    public var whenReprioritized: ((StreamPriority) -> Void)? {
        get { nil }
        set {}
    }
}

/// How urgent a stream of HTTP/2 is beside its siblings (RFC 7540 5.3): 1 to 256.
public struct StreamPriority: Sendable {
    public let weight: Int
    public init(weight: Int) { self.weight = weight }
}

/// The server's side of one exchange, of whatever HTTP version. Confined to the session's loop.
public protocol ServerStream: BodySink {
    func sendHead(_ request: Boxed<Request>, length: BodyLength) throws(ProxyFailure)
    /// The response's head, once it is there.
    var head: AwaitedHead { get }
    /// What the head said of the body's length.
    var length: BodyLength { get }
    var response: BodyPipe { get }
    /// Who is passed each interim response.
    var client: (any ClientStream)? { get set }
    /// True if any byte of the response has come.
    var responseHasBegun: Bool { get }
    /// Says how urgent the request is, before its head or later.
    func prioritize(_ priority: StreamPriority)
    /// Ends the exchange on the server's side before its time.
    func abort()
    /// Leaves HTTP, for the protocol that follows; nil if there is nobody to speak it with.
    func takeOver() -> TunnelEnd?
}

extension ServerStream {
    public func prioritize(_ priority: StreamPriority) {}
}

/// The head of a response that is on its way, as a flow has it. Confined to its event loop. No `Pending`, since a generic class looks its
/// value's type up when it goes, and each request has one.
public final class AwaitedHead: Suspension, @unchecked Sendable {
    private var response: Boxed<Response>?

    public func resume(_ response: consuming Response) {
        guard isOpen else { return }
        self.response = Boxed(consume response)
        end()
    }

    /// Hands it over, behind `suspend`: nobody else has it then.
    func take() -> Boxed<Response>? { response.take() }
}

/// Starts an exchange on a connection to a server.
public typealias ServerStreamFactory = @Sendable (ServerConnection, isolated Session) -> any ServerStream
