import FlowModel
import ProxyKernel

/// What one party sends, on its way to the other. Confined to its session's loop.
protocol Direction: AnyObject {
    /// Nothing waits.
    var isIdle: Bool { get }
    /// Does what can be done now.
    func advance(on session: isolated Session)
    /// Puts a message of an addon's behind those that wait; false if too many do.
    func inject(_ kind: WebSocketMessage.Kind, _ content: [UInt8], on session: isolated Session) -> Bool
    /// The WebSocket has ended: ends the waits that nobody needs any more.
    func end(isAbrupt: Bool, on session: isolated Session)
    /// Waits until no event of a message will come any more.
    func settle(on session: isolated Session) async
}

/// How much may wait on one side of a WebSocket.
enum WaitingBounds {
    static let bytes = 256 * 1024
    static let messages = 64
    /// Messages of addons, besides.
    static let injected = 1024
    static let injectedBytes = bytes * 16
}
