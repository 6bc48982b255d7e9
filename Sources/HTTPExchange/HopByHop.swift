import FlowModel

/// The fields that speak to the next recipient only and are taken out before a message goes on (RFC 9110 7.6.1).
///
/// Taken out are: every field that Connection names; Connection; Keep-Alive; Proxy-Connection; TE, of which `trailers` stays; and
/// Upgrade unless the switch is relayed. Transfer-Encoding belongs to `OutgoingFraming`. Proxy-Authenticate and
/// Proxy-Authorization stay, since whoever authenticates clients must see them first.
public enum HopByHop {
    /// What Connection may not take out, whatever it says: without these fields the message would mean something else to the next
    /// recipient than it meant here.
    private static let protected: Set<String> = [
        // Where the message goes, where it ends, what it holds.
        "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "content-range",
        // Who asks, and who may keep the answer.
        "authorization", "cookie", "set-cookie", "cache-control",
    ]

    /// The fields by which alone there is something to take out.
    private static let own = NameSet("connection", "keep-alive", "proxy-connection", "te", "upgrade")

    /// Those of them that few messages have.
    private static let rare = NameSet("keep-alive", "proxy-connection", "te", "upgrade")

    /// Takes the fields out. With `relayingUpgrade` the Upgrade lines stay and Connection names them again.
    public static func strip(_ headers: inout Headers, relayingUpgrade: Bool = false) {
        guard headers.mayContain(own) else { return }
        guard headers.mayContain(rare) else {
            removeNamed(&headers, upgrades: false)
            return headers.remove("Connection")
        }
        let takesTrailers = headers.hasToken("trailers", in: "TE")
        let upgrades = relayingUpgrade && headers.contains("Upgrade")
        removeNamed(&headers, upgrades: upgrades)
        headers.remove("Keep-Alive")
        headers.remove("Proxy-Connection")
        if takesTrailers { headers.set("TE", "trailers") } else { headers.remove("TE") }
        if !upgrades { headers.remove("Upgrade") }
        guard upgrades || takesTrailers else { return headers.remove("Connection") }
        let options = (upgrades ? ["Upgrade"] : []) + (takesTrailers ? ["TE"] : [])
        headers.set("Connection", ByteString(options.joined(separator: ", ")))
    }

    /// Takes out what Connection names.
    private static func removeNamed(_ headers: inout Headers, upgrades: Bool) {
        // Keep-Alive, which nearly all senders name that name something, goes in any case.
        let namesOther = headers.anyToken(in: "Connection") { name in !name.equalsIgnoringCase("keep-alive") }
        guard namesOther else { return }
        for name in headers.tokens("Connection")
        where !protected.contains(name) && !(upgrades && name == "upgrade") && name != "te" {
            headers.remove(named: name)
        }
    }
}
