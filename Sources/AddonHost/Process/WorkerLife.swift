import AddonWire
import Glibc
import NIOCore
import ProxyKernel
import Schema

/// One process of a worker with its connection, or one connection without a process: from its start until both have ended.
///
/// Confined to the worker's loop.
final class WorkerLife {
    /// When it began: seconds since 1970.
    let since = WallClock.now
    var child: ChildProcess?
    var link: WorkerLink?
    /// The socket for descriptors, until the handshake has said whether it is used.
    var descriptors: OwnedDescriptor?
    /// Where its cage says what it got, until the handshake.
    var report: OwnedDescriptor?
    /// What its cage said that it got, as JSON; nil without a cage.
    var layers: JSON?
    var subscriptions: [Subscription] = []
    /// What it offers.
    var commands: [CommandDeclaration] = []
    /// The calls that it may make.
    var permissions: [String] = []
    /// The last change of options that it was told of, and how many times it is to answer `configure` now.
    var revision = 0
    var openConfigures = 0
    /// What the handshake found wrong.
    var refusal: String?
    var isReady = false
    /// Set when the connection is over, or was never made.
    var end: LinkEnd?
    var lost: [FailurePolicy: Int] = [:]
    var exit: ChildProcess.Exit?
    var isOutputOver = true
    var lastLine: String?
    var isReported = false
    /// What of its connection's counters was added to the addon's.
    var counted = LinkCounters()
    var timers: [Scheduled<Void>] = []

    /// Whether nothing more will be heard of it.
    var isOver: Bool { end != nil && (child == nil || (exit != nil && isOutputOver)) }

    /// What happened, for people.
    var obituary: String {
        var parts: [String] = []
        if let refusal {
            parts.append(refusal)
        } else if let exit {
            parts.append("it \(exit)")
        }
        if let end, refusal == nil {
            switch end {
            case .ended where exit != nil, .finished: break
            default: parts.append(end.description)
            }
        }
        if let lastLine, exit != nil { parts.append("its last line: \(lastLine)") }
        return parts.isEmpty ? "the connection ended" : parts.joined(separator: "; ")
    }

    /// Reads what the cage has said. It has, before the worker could say anything.
    func readReport() {
        guard let report = report.take() else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        guard fcntl(report.number, F_SETFL, O_NONBLOCK) == 0 else { return }
        let count = read(report.number, &buffer, buffer.count)
        guard count > 0 else { return }
        layers = try? JSONReader().read(Array(buffer[..<count].prefix { $0 != 0x0A }))
    }
}
