import NIOCore
import TLSEngine

extension Detection {
    /// Why a choice does not fit the bytes.
    struct Misfit: Error {
        let reason: String
    }

    /// The verdict that a layer's name stands for, if the first bytes allow it.
    static func verdict(
        named word: String, for bytes: ByteBuffer, serverIsKnown: Bool, serverSpoke: Bool
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
        case "tcp", "ignore":
            guard serverIsKnown else { throw Misfit(reason: "it is not known yet which server is meant") }
            return word == "tcp" ? .raw : .passthrough
        default: throw Misfit(reason: "expected tls, http, tcp or ignore")
        }
    }
}
