import FlowModel
import Schema

/// Carries a flow of a transport.
public struct TransportEvent<Carrier: EventfulTransport>: HookPayload {
    @Boxed public var carried: TransportFlow<Carrier>
    public var messagesBefore: Int
    /// Whether a message is what it is about: whoever hears of it is to see that one.
    private var isAboutMessage: Bool

    /// The beginning or the end of a flow, with the messages that are kept of it; so many came before them.
    public init(_ flow: TransportFlow<Carrier>, messagesBefore: Int = 0) {
        _carried = Boxed(flow)
        self.messagesBefore = messagesBefore
        isAboutMessage = false
    }

    /// A message of a flow; it is the only one that the event carries.
    public init(_ flow: TransportFlow<Carrier>, _ message: StreamMessage, messagesBefore: Int) {
        self.init(flow, messagesBefore: messagesBefore)
        carried.messages = [message]
        isAboutMessage = true
    }

    public var anyFlow: AnyFlow? { carried.any }

    public mutating func leaveOutMessages() {
        guard !isAboutMessage else { return }
        messagesBefore += carried.messages.count
        carried = carried.withoutMessages
    }

    public static var name: String { Carrier.eventName }
    public static var doc: String { "Carries a \(Carrier.kind.rawValue.uppercased()) flow." }
    public static var blank: TransportEvent { TransportEvent(.blank) }
    public static var fields: [Field<TransportEvent>] { Carrier.eventFields }

    /// The rows, from which each transport makes its `eventFields`.
    static var rows: [Field<TransportEvent>] {
        [
            Field("flow", \._carried, "The flow's state. A message's event has that one in `messages` and no other."),
            Field("messages_before", \.messagesBefore, .readOnly, "How many messages came before those in `flow.messages`."),
        ]
    }
}

/// The events of a transport's flows.
public struct TransportHooks<Carrier: EventfulTransport>: HookTable {
    public let start: Hook<TransportEvent<Carrier>>
    public let message: Hook<TransportEvent<Carrier>>
    public let end: Hook<TransportEvent<Carrier>>
    public let error: Hook<TransportEvent<Carrier>>

    /// With the events' docs; their names are the transport's.
    init(start: String, message: String, end: String, error: String) {
        let name = Carrier.kind.rawValue
        self.start = Hook("\(name)_start", start)
        self.message = Hook("\(name)_message", message)
        self.end = Hook("\(name)_end", end)
        self.error = Hook("\(name)_error", error)
    }

    public static var table: TransportHooks { Carrier.hooks }
}

/// A transport whose flows have events.
public protocol EventfulTransport: MessageTransport {
    static var hooks: TransportHooks<Self> { get }
    static var eventName: String { get }
    /// Made once: every event goes through the rows.
    static var eventFields: [Field<TransportEvent<Self>>] { get }
}

extension TCP: EventfulTransport {
    public static let eventName = "TCPFlowEvent"
    public static let eventFields = TransportEvent<TCP>.rows
    public static let hooks = TransportHooks<TCP>(
        start: "A raw TCP connection begins.",
        message:
            "A piece of the stream came: the one in `messages`, whose content may be changed; empty, it is not passed on.",
        end: "Both sides have closed. Messages are shown to a hook whose content mode is not `none`.",
        error:
            "The connection ended before its time; `error` says why. It takes the place of `tcp_end`."
    )
}

extension UDP: EventfulTransport {
    public static let eventName = "UDPFlowEvent"
    public static let eventFields = TransportEvent<UDP>.rows
    public static let hooks = TransportHooks<UDP>(
        start: "The first datagram between two addresses came.",
        message:
            "A datagram came: the one in `messages`, whose content may be changed; empty, it is not passed on.",
        end: "No datagram came for a while. Messages are shown to a hook whose content mode is not `none`.",
        error:
            "The flow ended before its time; `error` says why. It takes the place of `udp_end`."
    )
}

public typealias TCPHooks = TransportHooks<TCP>
public typealias UDPHooks = TransportHooks<UDP>
public typealias TCPFlowEvent = TransportEvent<TCP>
public typealias UDPFlowEvent = TransportEvent<UDP>
