import FlowModel

/// Whether a connection goes on after a message (RFC 9112 9.3).
public enum Persistence {
    /// True when the sender of this head is ready for another message: HTTP/1.1 unless it says close, HTTP/1.0 only if it says
    /// keep-alive. Framing has its own word: a body until close ends the connection in any case.
    public static func persists(_ version: HTTPVersion, _ headers: Headers) -> Bool {
        if headers.hasToken("close", in: "Connection") { return false }
        return version == .http11 || headers.hasToken("keep-alive", in: "Connection")
    }

    /// Makes a head say whether the connection goes on, for a peer of that version. Lines that already mean it stay.
    public static func apply(to headers: inout Headers, persists: Bool, peer: HTTPVersion) {
        guard Self.persists(peer, headers) != persists else { return }
        let gone = persists ? "close" : "keep-alive"
        var options = headers.tokens("Connection").filter { $0 != gone }
        if !persists { options.append("close") }
        if persists, peer == .http10 { options.append("keep-alive") }
        if options.isEmpty {
            headers.remove("Connection")
        } else {
            headers.set("Connection", ByteString(options.joined(separator: ", ")))
        }
    }
}
