import FlowModel

extension Headers {
    /// Whether they belong to a scheme that authenticates the connection and not the request (RFC 4559; NTLM): whoever sends a request on
    /// it later is taken for the same one.
    var authenticateConnection: Bool {
        namesScheme("Authorization") || namesScheme("WWW-Authenticate") || namesScheme("Proxy-Authorization")
            || namesScheme("Proxy-Authenticate")
    }

    private func namesScheme(_ name: StaticString) -> Bool { values(name).contains(where: \.namesConnectionScheme) }
}

extension ByteString {
    fileprivate var namesConnectionScheme: Bool {
        let scheme = ByteString(bytes.prefix { $0 != 0x20 && $0 != 0x2C })
        return ["NTLM", "Negotiate", "Kerberos"].contains { scheme.equalsIgnoringCase($0) }
    }
}
