import FlowModel
import Glibc
import Schema

/// Which clients may connect, by their addresses: `block_global` and `block_private`. Loopback addresses always may.
public struct ClientAdmission: Sendable {
    /// What an address is to the registries of special-purpose addresses (IANA, RFC 6890).
    public enum Kind: Sendable {
        case loopback, local, global
        /// Neither: shared address space (RFC 6598), and what is no address at all.
        case other
    }

    private let blocksGlobal: Bool
    private let blocksPrivate: Bool

    public init(_ settings: Settings) {
        blocksGlobal = settings[ProxyOptions.table.blockGlobal]
        blocksPrivate = settings[ProxyOptions.table.blockPrivate]
    }

    /// Why the client may not connect; nil if it may.
    public func refusal(of host: String) -> String? {
        guard blocksGlobal || blocksPrivate else { return nil }
        switch Self.kind(of: host) {
        case .local where blocksPrivate: return "the client at \(host) is refused: option block_private is set"
        case .global where blocksGlobal: return "the client at \(host) is refused: option block_global is set"
        default: return nil
        }
    }

    /// Of a numeric address, which may have a zone behind `%`.
    public static func kind(of host: String) -> Kind {
        let host = String(host.prefix { $0 != "%" })
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return kind(withUnsafeBytes(of: four) { Array($0) }) }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return .other }
        let octets = withUnsafeBytes(of: six) { Array($0) }
        if octets.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) { return kind(Array(octets[12...])) }
        return kind(octets)
    }

    private static func kind(_ octets: [UInt8]) -> Kind {
        let isFour = octets.count == 4
        if isFour ? octets[0] == 127 : octets == [UInt8](repeating: 0, count: 15) + [1] { return .loopback }
        if isFour, within(octets, [100, 64, 0, 0], 10) { return .other }
        return (isFour ? localFour : localSix).contains { within(octets, $0.0, $0.1) } ? .local : .global
    }

    private static func within(_ octets: [UInt8], _ network: [UInt8], _ bits: Int) -> Bool {
        (0..<bits).allSatisfy { bit in
            let (index, mask) = (bit / 8, UInt8(0x80) >> UInt8(bit % 8))
            return octets[index] & mask == (index < network.count ? network[index] : 0) & mask
        }
    }

    private static let localFour: [([UInt8], Int)] = [
        ([0], 8), ([10], 8), ([169, 254], 16), ([172, 16], 12), ([192, 0, 0], 29), ([192, 0, 0, 170], 31), ([192, 0, 2], 24),
        ([192, 168], 16), ([198, 18], 15), ([198, 51, 100], 24), ([203, 0, 113], 24), ([240], 4),
    ]
    private static let localSix: [([UInt8], Int)] = [
        ([], 128), ([0x01, 0], 64), ([0x20, 0x01], 23), ([0x20, 0x01, 0x0D, 0xB8], 32), ([0xFC], 7), ([0xFE, 0x80], 10),
    ]
}
