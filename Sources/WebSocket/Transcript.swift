import FlowModel
import ProxyKernel
import Schema

/// Keeps the newest messages of a WebSocket in its flow, as many as the bounds allow. Messages are named by their number, the first is 0.
struct Transcript {
    private let maximumCount: Int
    private let maximumBytes: Int
    private var bytes = 0

    init(_ settings: Settings) {
        maximumCount = settings[ProxyOptions.table.storeMessages]
        maximumBytes = settings[ProxyOptions.table.storeMessageBytes]
    }

    /// Adds a message; the result is its number.
    mutating func add(_ message: WebSocketMessage, to flow: inout HTTPFlow) -> Int {
        if flow.websocket == nil { flow.websocket = Boxed(wrappedValue: WebSocketData()) }
        flow.websocket?.wrappedValue.messages.append(message)
        bytes += message.content.bytes.count
        let number = (flow.websocket?.wrappedValue.count ?? 1) - 1
        if let kept = flow.websocket?.wrappedValue.messages.count, kept > max(maximumCount, 1) || bytes > maximumBytes {
            forget(in: &flow)
        }
        return number
    }

    func message(_ number: Int, of flow: HTTPFlow) -> WebSocketMessage? {
        guard let socket = flow.websocket?.wrappedValue, socket.messages.indices.contains(number - socket.forgotten) else {
            return nil
        }
        return socket.messages[number - socket.forgotten]
    }

    mutating func replace(_ number: Int, with message: WebSocketMessage, in flow: inout HTTPFlow) {
        guard let old = self.message(number, of: flow), let forgotten = flow.websocket?.wrappedValue.forgotten else { return }
        bytes += message.content.bytes.count - old.content.bytes.count
        flow.websocket?.wrappedValue.messages[number - forgotten] = message
    }

    /// Forgets the oldest until the rest is well below the bounds, so that it does not come to this with every message. The newest stays.
    private mutating func forget(in flow: inout HTTPFlow) {
        guard let messages = flow.websocket?.wrappedValue.messages else { return }
        // Others may have changed the flow's messages as well.
        bytes = messages.reduce(0) { $0 + $1.content.bytes.count }
        var count = 0
        while count < messages.count - 1,
            messages.count - count > maximumCount - maximumCount / 4 || bytes > maximumBytes - maximumBytes / 4
        {
            bytes -= messages[count].content.bytes.count
            count += 1
        }
        flow.websocket?.wrappedValue.messages.removeFirst(count)
        flow.websocket?.wrappedValue.forgotten += count
    }
}
