import NIOCore
import TLSEngine

extension Detection {
    /// Why a choice does not fit the bytes.
    struct Misfit: Error {
        let reason: String
    }

    /// The verdict that a layer's name stands for, if the first bytes allow it.
    static func verdict(
        named word: String, for bytes: ByteBuffer, on ground: Ground, serverSpoke: Bool
    ) throws(Misfit) -> Verdict {
        let isTLS = ClientHello.looksLikeTLS(bytes) == true
        switch word {
        case "tls":
            guard case .tls(let hello) = Detection(admits: .any).verdict(on: bytes, inputIsClosed: true) else {
                throw Misfit(reason: "the client has not sent a ClientHello")
            }
            return .tls(hello)
        case "http":
            if isTLS { throw Misfit(reason: "the client has sent a ClientHello") }
            if serverSpoke { throw Misfit(reason: "the server has spoken first") }
            if case .http2 = Detection(admits: .http).verdict(on: bytes, inputIsClosed: true) { return .http2 }
            return .http
        case "tcp", "ignore", "dns":
            guard ground.target != nil else { throw Misfit(reason: "it is not known yet which server is meant") }
            if word == "tcp" { return .raw }
            if word == "ignore" { return .passthrough }
            guard !ground.targetUsesTLS, looksLikeDNS(bytes) else {
                throw Misfit(reason: "the client has not sent a query of DNS over TCP")
            }
            return .dns
        default: throw Misfit(reason: "expected tls, http, tcp, dns or ignore")
        }
    }

    /// A length of two octets with room for a header, then a header that says that it is a query (RFC 1035 4.1.1, 4.2.2).
    private static func looksLikeDNS(_ bytes: ByteBuffer) -> Bool {
        let head = Array(bytes.readableBytesView.prefix(5))
        return head.count == 5 && (Int(head[0]) << 8 | Int(head[1])) >= 12 && head[4] & 0xF8 == 0
    }
}
