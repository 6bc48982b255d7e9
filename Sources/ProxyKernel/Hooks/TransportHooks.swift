import FlowModel
import Schema

/// Carries a flow of a transport.
package struct TransportEvent<Carrier: EventfulTransport>: HookPayload {
    @Boxed package var carried: TransportFlow<Carrier>
    package var messagesBefore: Int
    /// Whether a message is what it is about: whoever hears of it is to see that one.
    private var isAboutMessage: Bool

    /// The beginning or the end of a flow, with the messages that are kept of it; so many came before them.
    package init(_ flow: TransportFlow<Carrier>, messagesBefore: Int = 0) {
        _carried = Boxed(wrappedValue: flow)
        self.messagesBefore = messagesBefore
        isAboutMessage = false
    }

    /// A message of a flow; it is the only one that the event carries.
    package init(_ flow: TransportFlow<Carrier>, _ message: StreamMessage, messagesBefore: Int) {
        self.init(flow, messagesBefore: messagesBefore)
        carried.messages = [message]
        isAboutMessage = true
    }

    package var anyFlow: AnyFlow? { carried.any }

    package mutating func leaveOutMessages() {
        guard !isAboutMessage else { return }
        messagesBefore += carried.messages.count
        carried = carried.withoutMessages
    }

    package static var name: String { Carrier.eventName }
    package static var doc: String { "Carries a \(Carrier.kind.rawValue.uppercased()) flow." }
    package static var blank: TransportEvent { TransportEvent(.blank) }
    package static var fields: [Field<TransportEvent>] { Carrier.eventFields }

    /// The rows, from which each transport makes its `eventFields`.
    static var rows: [Field<TransportEvent>] {
        [
            Field("flow", \._carried, "The flow's state. A message's event has that one in `messages` and no other."),
            Field("messages_before", \.messagesBefore, .readOnly, "How many messages came before those in `flow.messages`."),
        ]
    }
}

/// The events of a transport's flows.
package struct TransportHooks<Carrier: EventfulTransport>: HookTable {
    package let start: Hook<TransportEvent<Carrier>>
    package let message: Hook<TransportEvent<Carrier>>
    package let end: Hook<TransportEvent<Carrier>>
    package let error: Hook<TransportEvent<Carrier>>

    /// With the events' docs; their names are the transport's.
    init(start: String, message: String, end: String, error: String) {
        let name = Carrier.kind.rawValue
        self.start = Hook("\(name)_start", start)
        self.message = Hook("\(name)_message", message)
        self.end = Hook("\(name)_end", end)
        self.error = Hook("\(name)_error", error)
    }

    package static var table: TransportHooks { Carrier.hooks }
}

/// A transport whose flows have events.
package protocol EventfulTransport: MessageTransport {
    static var hooks: TransportHooks<Self> { get }
    static var eventName: String { get }
    /// Made once: every event goes through the rows.
    static var eventFields: [Field<TransportEvent<Self>>] { get }
}

extension TCP: EventfulTransport {
    package static let eventName = "TCPFlowEvent"
    package static let eventFields = TransportEvent<TCP>.rows
    package static let hooks = TransportHooks<TCP>(
        start: "A raw TCP connection begins.",
        message:
            "A piece of the stream came: the one in `messages`, whose content may be changed; empty, it is not passed on.",
        end: "Both sides have closed. Messages are shown to a hook whose content mode is not `none`.",
        error:
            "The connection ended before its time; `error` says why. It takes the place of `tcp_end`."
    )
}

extension UDP: EventfulTransport {
    package static let eventName = "UDPFlowEvent"
    package static let eventFields = TransportEvent<UDP>.rows
    package static let hooks = TransportHooks<UDP>(
        start: "The first datagram between two addresses came.",
        message:
            "A datagram came: the one in `messages`, whose content may be changed; empty, it is not passed on.",
        end: "No datagram came for a while. Messages are shown to a hook whose content mode is not `none`.",
        error:
            "The flow ended before its time; `error` says why. It takes the place of `udp_end`."
    )
}

package typealias TCPHooks = TransportHooks<TCP>
package typealias UDPHooks = TransportHooks<UDP>
package typealias TCPFlowEvent = TransportEvent<TCP>
package typealias UDPFlowEvent = TransportEvent<UDP>
