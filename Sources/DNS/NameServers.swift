import FlowModel
import NIOCore

/// Whom mode `dns` asks.
public enum NameServers {
    private static let defaultPort = 53

    /// `address`, `address:port` or `[address]:port`; names are not allowed, as looking them up needs a name server.
    static func address(_ text: String) -> Address? {
        if isNumeric(text) { return Address(host: text, port: defaultPort) }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return bracketed(text[...]).map { Address(host: $0, port: defaultPort) }
        }
        let host = text[..<colon]
        if let host = bracketed(host) { return Address(host: host, port: Int(port)) }
        return isNumeric(String(host)) && !host.contains(":") ? Address(host: String(host), port: Int(port)) : nil
    }

    private static func bracketed(_ text: Substring) -> String? {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
        let inner = String(text.dropFirst().dropLast())
        return isNumeric(inner) && inner.contains(":") ? inner : nil
    }

    /// The zone of a link-local address may stand behind `%`.
    private static func isNumeric(_ text: String) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, parts.count == 1 || host.contains(":") && !parts[1].isEmpty else { return false }
        return (try? SocketAddress(ipAddress: String(host), port: 0)) != nil
    }

    static func objection(_ text: String) -> String? {
        address(text) == nil ? "expected address[:port] with a numeric address, found '\(text)'" : nil
    }

    /// Of the option's texts, which it has checked.
    public static func of(option texts: [String]) -> [Address] { texts.compactMap(address) }

    /// Of resolv.conf (resolv.conf(5)): the `nameserver` lines.
    public static func of(resolverConfiguration text: String) -> [Address] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, words[0] == "nameserver", isNumeric(String(words[1])) else { return nil }
            return Address(host: String(words[1]), port: defaultPort)
        }
    }
}
