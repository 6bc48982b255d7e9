/// Up to format 11 a WebSocket was two flows: the HTTP one that began it, and one with the messages that names the first.
extension Conversion {
    /// The flow with the messages becomes the one that began the WebSocket, once more and with the messages.
    static func webSockets(_ flow: inout SavedDict, _ handshakes: inout Handshakes) throws(ConversionFailure) {
        let metadata = flow["metadata"]?.dict ?? [:]
        guard let handshake = metadata["websocket_handshake"]?.string else {
            if let id = flow["id"]?.string, metadata["websocket"] != nil { handshakes.add(flow, id: id) }
            // Only HTTP flows can have one.
            if flow["type"]?.string == "http" { flow["websocket"] = .null }
            return
        }
        let messages = flow
        flow = handshakes.take(id: handshake) ?? unknownHandshake(of: messages)
        try flow.edit("metadata") {
            $0["duplicated"] = .text("Converted from an older file, where a WebSocket is two flows: this one may be there twice.")
        }
        flow["websocket"] = .dict([
            "messages": messages["messages"] ?? .list([]),
            "closed_by_client": .bool(messages["close_sender"]?.string == "client"),
            "close_code": messages["close_code"] ?? .null,
            "close_reason": messages["close_reason"] ?? .null,
            "timestamp_end": flow["server_conn"]?.dict?["timestamp_end"] ?? .null,
        ])
    }

    /// The flow that began a WebSocket, where the file does not have it.
    private static func unknownHandshake(of messages: SavedDict) -> SavedDict {
        var flow: SavedDict = [
            "metadata": .dict([:]), "mode": .text("transparent"), "response": .null, "type": .text("http"),
            "request": .dict([
                "authority": .bytes([]), "content": .null, "headers": .list([]), "host": .text("unknown"),
                "http_version": .bytes(Array("HTTP/1.1".utf8)), "method": .bytes(Array("GET".utf8)),
                "path": .bytes(Array("/".utf8)), "port": .int(80), "scheme": .bytes(Array("http".utf8)),
                "timestamp_end": .int(0), "timestamp_start": .int(0), "trailers": .null,
            ]),
        ]
        for name in ["client_conn", "server_conn", "error", "id", "intercepted", "is_replay", "marked"] {
            flow[name] = messages[name] ?? .null
        }
        return flow
    }
}
