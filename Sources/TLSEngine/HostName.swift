import Glibc

/// Rules about names of peers, as they stand in hellos and certificates.
enum HostName {
    /// Whether this may stand where a host name or IP literal is expected: 1 to 253 letters, digits and `-_.:`.
    ///
    /// Keeps NUL, slashes and spaces out of file names, verification and minted certificates.
    static func isPlausible(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...253).contains(bytes.count)
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// The four or sixteen address bytes of an IP literal; nil if it is a name.
    static func addressBytes(_ literal: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, literal, &bytes) == 1 { return Array(bytes.prefix(4)) }
        if inet_pton(AF_INET6, literal, &bytes) == 1 { return bytes }
        return nil
    }

    /// The literal for four or sixteen address bytes; nil for any other count.
    static func addressText(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// As OpenSSL compares it: without the root's trailing dot or an IPv6 zone.
    static func normalized(_ name: String) -> String {
        let unscoped = name.prefix { $0 != "%" }
        return String(unscoped.hasSuffix(".") ? unscoped.dropLast() : unscoped)
    }
}
