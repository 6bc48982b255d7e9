import FlowModel
import Schema
import TLSEngine

/// The nonce of a WebSocket's handshake in HTTP/1 and the answer to it (RFC 6455 4.2.2), which HTTP/2 does without.
enum WebSocketKey {
    static func random() -> ByteString {
        var bytes: [UInt8] = []
        for _ in 0..<16 { bytes.append(.random(in: 0...255)) }
        return ByteString(Base64.encode(bytes))
    }

    static func answer(to key: ByteString) -> ByteString {
        let digest = Digest.sha1.of(key.bytes + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        return ByteString(Base64.encode(digest ?? []))
    }
}
