import FlowModel

/// The fields that speak to the next recipient only and are taken out before a message goes on (RFC 9110 7.6.1).
///
/// Taken out are: every field that Connection names; Connection; Keep-Alive; Proxy-Connection; TE, of which `trailers` stays; and
/// Upgrade unless the switch is relayed. Transfer-Encoding belongs to `OutgoingFraming`. Proxy-Authenticate and
/// Proxy-Authorization stay, since whoever authenticates clients must see them first.
package enum HopByHop {
    /// What Connection may not take out, whatever it says: without these fields the message would mean something else to the next
    /// recipient than it meant here.
    private static let protected: Set<String> = [
        // Where the message goes, where it ends, what it holds.
        "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "content-range",
        // Who asks, and who may keep the answer.
        "authorization", "cookie", "set-cookie", "cache-control",
    ]

    /// Takes the fields out. With `relayingUpgrade` the Upgrade lines stay and Connection names them again.
    package static func strip(_ headers: inout Headers, relayingUpgrade: Bool = false) {
        let found = Found(in: headers)
        guard !found.isEmpty else { return }
        let takesTrailers = found.contains(.te) && headers.hasToken("trailers", in: "TE")
        let upgrades = relayingUpgrade && found.contains(.upgrade)
        if found.contains(.connection), !headers.connectionNamesNothing {
            for name in headers.tokens("Connection")
            where !protected.contains(name) && !(upgrades && name == "upgrade") && name != "te" {
                headers.remove(name)
            }
        }
        if found.contains(.keepAlive) { headers.remove("Keep-Alive") }
        if found.contains(.proxyConnection) { headers.remove("Proxy-Connection") }
        if takesTrailers { headers.set("TE", "trailers") } else if found.contains(.te) { headers.remove("TE") }
        if found.contains(.upgrade), !upgrades { headers.remove("Upgrade") }
        let options = (upgrades ? ["Upgrade"] : []) + (takesTrailers ? ["TE"] : [])
        if !options.isEmpty {
            headers.set("Connection", ByteString(options.joined(separator: ", ")))
        } else if found.contains(.connection) {
            headers.remove("Connection")
        }
    }

    /// Which of the fields are there: most messages have none, or Connection alone, which one walk tells.
    private struct Found: OptionSet {
        let rawValue: UInt8

        static let connection = Found(rawValue: 1)
        static let keepAlive = Found(rawValue: 2)
        static let proxyConnection = Found(rawValue: 4)
        static let te = Found(rawValue: 8)
        static let upgrade = Found(rawValue: 16)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(in headers: borrowing Headers) {
            self = []
            for index in 0..<headers.count {
                headers.withLine(at: index) { name, _ in
                    switch name.count {
                    case 2 where name.isField("te"): insert(.te)
                    case 7 where name.isField("upgrade"): insert(.upgrade)
                    case 10 where name.isField("connection"): insert(.connection)
                    case 10 where name.isField("keep-alive"): insert(.keepAlive)
                    case 16 where name.isField("proxy-connection"): insert(.proxyConnection)
                    default: break
                    }
                }
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a field's name of as many octets is that name, which is given in small letters.
    @inline(__always)
    fileprivate func isField(_ name: StaticString) -> Bool {
        for index in 0..<name.utf8CodeUnitCount where self[index].asciiLowercased != name.utf8Start[index] { return false }
        return true
    }
}

extension Headers {
    /// Connection says what Persistence alone asks for: `close` or `keep-alive`, which no field but one that goes anyway is named.
    fileprivate var connectionNamesNothing: Bool {
        var from = 0
        while let index = index(of: "Connection", from: from) {
            let names = withLine(at: index) { _, value in
                !(value.count == 5 && value.isField("close") || value.count == 10 && value.isField("keep-alive"))
            }
            if names { return false }
            from = index + 1
        }
        return true
    }
}
