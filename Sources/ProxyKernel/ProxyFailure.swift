/// Why something did not work, whose fault it was, and whether trying again can help.
public struct ProxyFailure: Error, Sendable, CustomStringConvertible {
    public enum What: Sendable, Equatable {
        /// A message that the protocol forbids; the status that a client is told.
        case badMessage(status: Int)
        case connect, tls, closed, timeout, limit, killed, worker, cancelled
    }
    public enum Fault: Sendable { case client, server, worker, us }
    public enum Retry: Sendable { case no, yes, ifReused }

    public let what: What
    public let fault: Fault
    public var retry: Retry
    /// For people: names the peer, the expectation and the finding.
    public let note: String
    /// A client did not accept the certificate that we showed it, or left when it saw it.
    public var isRejection = false
    /// The system's error number behind it, if there is one.
    public var systemError: Int32?

    public init(_ what: What, fault: Fault, retry: Retry = .no, _ note: String) {
        self.what = what
        self.fault = fault
        self.retry = retry
        self.note = note
    }

    public var description: String { note }

    /// The client left while the proxy worked for it.
    public static let clientGone = ProxyFailure(.cancelled, fault: .client, "the client closed the connection")
    static let stopping = ProxyFailure(.closed, fault: .us, "the proxy stops")
    /// Somebody decided that the flow must end.
    public static func killed(_ note: String) -> ProxyFailure { ProxyFailure(.killed, fault: .us, note) }

    /// Whether the client's connection is closed without a word: kills, and addons that fail under the policy `kill`.
    public var endsSilently: Bool { what == .killed || what == .cancelled || what == .worker }

    /// The status of the response that tells a client of this failure.
    public var status: Int {
        switch what {
        case .badMessage(let status): fault == .client ? status : 502
        case .timeout: fault == .client ? 408 : 504
        case .limit: fault == .client ? 413 : 502
        case .connect, .tls, .closed, .killed, .worker, .cancelled: 502
        }
    }
}
