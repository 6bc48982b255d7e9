import CCrypt
import Schema
import TLSEngine

/// A password as an htpasswd file keeps it.
enum PasswordHash: Sendable {
    /// bcrypt, SHA-256 and SHA-512 in the forms of crypt(3).
    case crypt(String)
    /// Apache's own, of MD5.
    case apr1(salt: [UInt8], String)
    /// SHA-1, without salt.
    case sha1(String)

    /// The kinds for people.
    static let kinds = "bcrypt ($2y$, $2b$, $2a$), SHA-256 and SHA-512 of crypt ($5$, $6$), MD5 of Apache ($apr1$), SHA-1 ({SHA})"

    /// Nil if it is of another kind, such as plain text or DES, or too short for its own.
    init?(_ text: String) {
        if text.hasPrefix("{SHA}"), Base64.decode(String(text.dropFirst(5)))?.count == 20 {
            self = .sha1(text)
        } else if text.hasPrefix("$apr1$") {
            let parts = text.split(separator: "$", omittingEmptySubsequences: false)
            guard parts.count == 4, (1...8).contains(parts[2].utf8.count), parts[3].utf8.count == 22 else { return nil }
            self = .apr1(salt: Array(parts[2].utf8), text)
        } else if ["$2y$", "$2b$", "$2a$"].contains(where: text.hasPrefix), text.utf8.count == 60 {
            self = .crypt(text)
        } else if text.hasPrefix("$5$") || text.hasPrefix("$6$"), text.utf8.count > 45 {
            self = .crypt(text)
        } else {
            return nil
        }
    }

    /// Whether this is the password's hash. May take a good part of a second: not for an event loop.
    func admits(_ password: String) -> Bool {
        guard !password.utf8.contains(0) else { return false }
        switch self {
        case .crypt(let text): return Self.crypt(password, text).map { $0.isSecretly(text) } ?? false
        case .apr1(let salt, let text):
            return Self.apr1(Array(password.utf8), salt).map { $0.isSecretly(text) } ?? false
        case .sha1(let text):
            guard let digest = Digest.sha1.of(Array(password.utf8)) else { return false }
            var encoded = Array("{SHA}".utf8)
            digest.withUnsafeBytes { Base64.encode($0, into: &encoded) }
            return String(decoding: encoded, as: UTF8.self).isSecretly(text)
        }
    }

    private static func crypt(_ password: String, _ setting: String) -> String? {
        // The state is 32 KiB, too much for a stack.
        let state = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        state.initialize(to: crypt_data())
        defer { state.deallocate() }
        guard let result = crypt_r(password, setting, state) else { return nil }
        let text = String(cString: result)
        // libxcrypt tells a failure by a result that begins so.
        return text.hasPrefix("*") ? nil : text
    }

    /// Apache's variant of the MD5 of crypt, `$apr1$salt$hash`. Nil if there is no MD5 here.
    private static func apr1(_ password: [UInt8], _ salt: [UInt8]) -> String? {
        guard var block = Digest.md5.of(password + salt + password) else { return nil }
        var first = password + Array("$apr1$".utf8) + salt
        for start in stride(from: 0, to: password.count, by: 16) { first += block.prefix(min(16, password.count - start)) }
        var bits = password.count
        while bits > 0 {
            first.append(bits & 1 == 1 ? 0 : password[0])
            bits >>= 1
        }
        block = Digest.md5.of(first) ?? []
        for round in 0..<1000 {
            var input = round % 2 == 1 ? password : block
            if round % 3 != 0 { input += salt }
            if round % 7 != 0 { input += password }
            input += round % 2 == 1 ? block : password
            block = Digest.md5.of(input) ?? []
        }
        guard block.count == 16 else { return nil }
        let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var text = Array("$apr1$".utf8) + salt + [UInt8(ascii: "$")]
        func append(_ octets: [UInt8], digits: Int) {
            var value = octets.reduce(0) { $0 << 8 | Int($1) }
            for _ in 0..<digits {
                text.append(alphabet[value & 63])
                value >>= 6
            }
        }
        for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
            append([block[a], block[b], block[c]], digits: 4)
        }
        append([block[11]], digits: 2)
        return String(decoding: text, as: UTF8.self)
    }
}

extension String {
    /// Equal, told in a time that depends on the length only.
    func isSecretly(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return zip(utf8, other.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
