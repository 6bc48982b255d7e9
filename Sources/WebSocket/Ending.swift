import FlowModel
import ProxyKernel

/// How a WebSocket came to its end.
enum Ending: Sendable {
    /// Both have said goodbye, or the one to whom it was said has left without a word.
    case closed
    /// The connection of one ended without a close frame.
    case lost(Sender)
    case violated(Sender, Violation)
    /// The proxy stops.
    case stopped
    /// Somebody killed it, or an addon failed.
    case failed(ProxyFailure)

    /// Who is to blame, if it is one of the two.
    var culprit: Sender? {
        switch self {
        case .lost(let sender), .violated(let sender, _): sender
        case .closed, .stopped, .failed: nil
        }
    }

    /// What the flow keeps of it, unless a close frame has said something before.
    var code: CloseCode {
        switch self {
        case .violated(_, let violation): violation.code
        case .stopped: .goingAway
        case .closed, .lost, .failed: .abnormal
        }
    }

    /// The close frame that a peer is sent who was not sent one yet; nil if its connection just ends.
    func farewell(to peer: Sender) -> CloseFrame? {
        switch self {
        case .closed, .failed: nil
        case .stopped: CloseFrame(code: .goingAway, reason: "the proxy stops")
        case .lost(let sender):
            peer == sender ? nil : CloseFrame(code: Self.code(for: peer), reason: "the \(sender.word) is gone")
        case .violated(let sender, let violation):
            if peer == sender {
                CloseFrame(code: violation.code, reason: violation.description)
            } else {
                CloseFrame(code: Self.code(for: peer), reason: "the \(sender.word) broke the protocol")
            }
        }
    }

    /// A client hears that the gateway cannot go on, a server that its client has gone.
    private static func code(for peer: Sender) -> CloseCode { peer == .client ? .internalError : .goingAway }
}
