import ProxyKernel
import Schema

/// The events of the WebSocket that an HTTP flow became, after its *response*.
package struct WebSocketHooks: HookTable {
    package let start = Hook<FlowEvent>(
        "websocket_start", "The flow became a WebSocket. Fired for saved flows; no protocol fires it live yet.")
    package let message = Hook<FlowEvent>(
        "websocket_message",
        "A message came: the last of `websocket.messages`, which may be changed or dropped. Fired for saved flows; no protocol fires it live yet."
    )
    package let end = Hook<FlowEvent>(
        "websocket_end",
        "The WebSocket is closed; `close_code` and `closed_by_client` say how. Fired for saved flows; no protocol fires it live yet."
    )

    package init() {}
    package static let table = WebSocketHooks()
}
