/// Why a connection to a worker is over.
public enum LinkEnd: Error, Sendable, Equatable, CustomStringConvertible {
    /// The worker closed it, or died.
    case ended
    /// The core closed it in order.
    case finished
    case badLine(String)
    case lineTooLong(limit: Int)
    /// The worker did not answer two pings, or two events and nothing else for as long as a ping waits.
    case silent
    /// The worker does not read what it asked for.
    case notReading
    case handshake(String)
    case broken(String)

    public var description: String {
        switch self {
        case .ended: "the connection ended"
        case .finished: "the connection was closed"
        case .badLine(let what): "bad line: \(what)"
        case .lineTooLong(let limit): "a line of more than \(limit) bytes"
        case .silent: "it does not answer"
        case .notReading: "it does not read the answers of its calls"
        case .handshake(let what): what
        case .broken(let what): what
        }
    }
}
