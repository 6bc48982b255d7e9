import FlowModel
import ProxyKernel
import Schema
import Synchronization

/// `stickycookie`: remembers the cookies that responses set, and gives them to the requests that match, whoever sends those.
///
/// A cookie counts for the port that set it, for paths that begin with its `Path`, and for hosts of its `Domain`, which must
/// begin with a dot to mean the hosts below it.
final class StickyCookie: Rule {
    /// Cookies that are remembered at most; the first to come go first.
    private static let maximumCookies = 4096

    private struct Key: Hashable {
        let domain: String
        let port: Int
        let path: ByteString
        let name: ByteString
    }

    private struct Kept {
        let value: ByteString
        let expires: Double?
    }

    let moments: [Moment] = [.request, .response]
    let filters: [Filter]
    private let jar = Mutex(Recent<Key, Kept>(limit: StickyCookie.maximumCookies))

    init?(_ settings: Settings) throws(OptionFailure) {
        let option = RuleOptions.table.stickyCookie
        guard let filter = try option.read(settings, expected: "a filter", Segments.filter) else { return nil }
        filters = [filter]
    }

    func apply(to flow: inout HTTPFlow, at moment: Moment) {
        if moment == .response { remember(flow, at: WallClock.now) } else { give(to: &flow, at: WallClock.now) }
    }

    private func remember(_ flow: HTTPFlow, at now: Double) {
        guard let headers = flow.response?.headers else { return }
        for cookie in headers.values("Set-Cookie").compactMap(SetCookie.init) {
            let domain = cookie["domain"]?.string.lowercased() ?? flow.request.host.lowercased()
            guard Self.host(flow.request.host, isOf: domain) else { continue }
            let key = Key(domain: domain, port: flow.request.port, path: cookie["path"] ?? "/", name: cookie.name)
            let expires = cookie.expiry(at: now)
            let isOver = expires.map { $0 <= now } ?? false
            jar.withLock { $0[key] = isOver ? nil : Kept(value: cookie.value, expires: expires) }
        }
    }

    private func give(to flow: inout HTTPFlow, at now: Double) {
        guard filters.allSatisfy({ $0.matches(flow) }) else { return }
        let request = flow.request
        let pairs: [ByteString] = jar.withLock { jar in
            jar.keys.compactMap { key in
                guard let kept = jar[key], kept.expires.map({ $0 > now }) ?? true, key.port == request.port,
                    request.path.bytes.starts(with: key.path.bytes), Self.host(request.host, isOf: key.domain)
                else { return nil }
                return ByteString(key.name.bytes + [UInt8(ascii: "=")] + kept.value.bytes)
            }
        }
        guard !pairs.isEmpty else { return }
        flow.metadata.set("stickycookie", true)
        flow.request.headers.set("Cookie", ByteString(pairs.map(\.bytes).joined(separator: Array("; ".utf8))))
    }

    /// Whether a host is the domain, or below one that begins with a dot.
    static func host(_ host: String, isOf domain: String) -> Bool {
        let host = host.lowercased()
        if host == domain || host == domain.drop(while: { $0 == "." }) { return true }
        let isAddress = host.contains(":") || host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        return domain.hasPrefix(".") && domain.utf8.count > 1 && host.hasSuffix(domain) && !isAddress
    }
}
