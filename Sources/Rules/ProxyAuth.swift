import FlowModel
import ProxyKernel
import Schema
import Synchronization

/// `proxyauth`: answers clients that do not say who they are with 407, or with 401 where they do not know of the proxy.
///
/// Who was admitted at CONNECT or by SOCKS is for all that comes through the tunnel. What admitted a request is taken out of it, and goes into
/// the metadata: `proxyauth` is `[name, password]`. Requests that are replayed are not asked.
final class ProxyAuth: Rule {
    static let grammar = "`name:password`, `any`, or `@` and the path of an htpasswd file"
    /// Verdicts that are remembered at most; a password that was checked need not be hashed again.
    private static let maximumVerdicts = 1024

    private enum Known {
        case anybody
        case one(Credentials)
        case many([String: PasswordHash])
    }

    struct Credentials: Hashable {
        let name: String
        let password: String
    }

    let moments: [Moment] = [.connect, .requestHead]
    private let known: Known
    private let verdicts = Mutex(Recent<Credentials, Bool>(limit: ProxyAuth.maximumVerdicts))
    /// Clients that were admitted at CONNECT, by the ids of their connections.
    private let admitted = Mutex<[String: Credentials]>([:])

    init?(_ settings: Settings) throws(OptionFailure) {
        guard let known = try RuleOptions.table.proxyAuth.read(settings, expected: Self.grammar, Self.known) else { return nil }
        self.known = known
    }

    private static func known(_ text: String) throws(BadValue) -> Known {
        if text == "any" { return .anybody }
        if text.hasPrefix("@") { return .many(try Htpasswd.read(LocalFile.expanded(String(text.dropFirst())))) }
        if text.hasPrefix("ldap:") || text.hasPrefix("ldaps:") { throw BadValue("LDAP cannot be asked") }
        guard let colon = text.firstIndex(of: ":") else { throw BadValue("there is no ':' in it") }
        return .one(Credentials(name: String(text[..<colon]), password: String(text[text.index(after: colon)...])))
    }

    func preparation(for flow: HTTPFlow, at _: Moment) -> (@Sendable () -> Void)? {
        guard flow.isReplay == nil, !wasAdmitted(flow), let given = credentials(in: flow) else { return nil }
        return preparation(for: given)
    }

    /// What must be worked out on another thread before `admits` can answer; nil for nothing.
    func preparation(for given: Credentials) -> (@Sendable () -> Void)? {
        guard case .many(let users) = known, let hash = users[given.name], verdicts.withLock({ $0[given] }) == nil else {
            return nil
        }
        return {
            let verdict = hash.admits(given.password)
            self.verdicts.withLock { $0[given] = verdict }
        }
    }

    func apply(to flow: inout HTTPFlow, at moment: Moment) {
        guard flow.isReplay == nil else { return }
        if moment == .requestHead, let known = admitted.withLock({ $0[flow.client.value.id] }) {
            return Self.note(known, in: &flow)
        }
        let isProxy = flow.isToHTTPProxy
        guard let given = credentials(in: flow), admits(given) else {
            flow.response = Self.challenge(isProxy: isProxy)
            return
        }
        Self.note(given, in: &flow)
        flow.request.headers.remove(Self.field(isProxy: isProxy))
        if moment == .connect { admit(given, client: flow.client.value.id) }
    }

    /// Whatever comes from the client is let through until it leaves.
    func admit(_ given: Credentials, client id: String) { admitted.withLock { $0[id] = given } }

    func clientLeft(_ id: String) { _ = admitted.withLock { $0.removeValue(forKey: id) } }

    private func wasAdmitted(_ flow: HTTPFlow) -> Bool { admitted.withLock { $0[flow.client.value.id] } != nil }

    func admits(_ given: Credentials) -> Bool {
        switch known {
        case .anybody: true
        case .one(let one): given.name.isSecretly(one.name) && given.password.isSecretly(one.password)
        case .many: verdicts.withLock { $0[given] } ?? false
        }
    }

    private func credentials(in flow: HTTPFlow) -> Credentials? {
        let value = flow.request.headers.first(Self.field(isProxy: flow.isToHTTPProxy))?.string ?? ""
        let words = value.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "basic", let octets = Base64.decode(String(words[1])) else { return nil }
        let text = String(decoding: octets, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":") else { return nil }
        return Credentials(name: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
    }

    private static func note(_ known: Credentials, in flow: inout HTTPFlow) {
        flow.metadata.set("proxyauth", .array([.string(known.name), .string(known.password)]))
    }

    private static func field(isProxy: Bool) -> StaticString { isProxy ? "Proxy-Authorization" : "Authorization" }

    private static func challenge(isProxy: Bool) -> Response {
        let status = isProxy ? 407 : 401
        let headers = [
            (isProxy ? "Proxy-Authenticate" : "WWW-Authenticate", "Basic realm=\"weir\""),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
        return .made(status, headers, Array("\(status) \(Statuses.reason[status] ?? "")\n".utf8))
    }
}

/// Apache's files of names and hashed passwords.
enum Htpasswd {
    /// The hashes by name. Throws if the file cannot be read, or a line is not understood.
    static func read(_ path: String) throws(BadValue) -> [String: PasswordHash] {
        var users: [String: PasswordHash] = [:]
        let text = String(decoding: try LocalFile.read(path), as: UTF8.self)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else {
                throw BadValue("line \(index + 1) of '\(path)' is not name:hash")
            }
            guard let hash = PasswordHash(String(line[line.index(after: colon)...])) else {
                throw BadValue(
                    "line \(index + 1) of '\(path)': the hash of '\(line[..<colon])' is none of those that can be checked: \(PasswordHash.kinds)"
                )
            }
            users[String(line[..<colon])] = hash
        }
        return users
    }
}
