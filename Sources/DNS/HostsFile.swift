import FlowModel
import NIOCore

/// The addresses that a hosts file (hosts(5)) gives to names.
public struct HostsFile: Sendable {
    private var entries: [String: Entry] = [:]

    private struct Entry {
        var four: [[UInt8]] = []
        var six: [[UInt8]] = []
    }

    public init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = words.first, let address = try? SocketAddress(ipAddress: String(first), port: 0) else { continue }
            for word in words.dropFirst() {
                guard let name = try? DomainName(text: String(word)) else { continue }
                switch address {
                case .v4(let address):
                    Self.add(Self.octets(address.address.sin_addr), to: &entries[name.folded.text, default: Entry()].four)
                case .v6(let address):
                    Self.add(Self.octets(address.address.sin6_addr), to: &entries[name.folded.text, default: Entry()].six)
                default: break
                }
            }
        }
    }

    private static func octets<Value>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private static func add(_ address: [UInt8], to list: inout [[UInt8]]) { if !list.contains(address) { list.append(address) } }

    /// The answer to a query for the addresses of a name that is in the file; nil for all others. A name that is there with addresses
    /// of the other family only has none of this one.
    public func answer(to query: DNSMessage) -> DNSMessage? {
        guard query.operation == 0, query.questions.count == 1, query.questions[0].dnsClass == 1,
            let name = try? DomainName(text: query.questions[0].name), let entry = entries[name.folded.text]
        else { return nil }
        let addresses: [[UInt8]]
        switch query.questions[0].type {
        case 1: addresses = entry.four
        case 28: addresses = entry.six
        default: return nil
        }
        var answer = query.answer
        answer.recursionIsAvailable = true
        answer.answers = addresses.map { address in
            var record = DNSResource()
            record.name = query.questions[0].name
            record.type = query.questions[0].type
            record.data = ByteString(address)
            return record
        }
        return answer
    }
}
