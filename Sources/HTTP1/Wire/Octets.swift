import FlowModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension UInt8 {
    /// SP.
    static let space = UInt8(ascii: " ")
    /// CR.
    static let carriageReturn: UInt8 = 0x0D
    /// LF.
    static let lineFeed: UInt8 = 0x0A

    /// True for 0-9.
    var isDigit: Bool { self &- 0x30 < 10 }
}

extension UnsafeRawBufferPointer {
    /// The first LF at or behind a position, found by the C library's vector code.
    func lineFeed(from start: Int) -> Int? {
        guard start < count, let base = baseAddress, let hit = memchr(base + start, 0x0A, count - start) else { return nil }
        return UnsafeRawPointer(hit) - base
    }

    /// The octets of a range as a buffer of their own.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// The number that 1*DIGIT spells, nil when there is anything else, and `Int.max` for everything too large for it.
    func decimal() -> Int? {
        guard !isEmpty else { return nil }
        var number = 0
        for octet in self {
            guard octet.isDigit else { return nil }
            let (tenfold, over) = number.multipliedReportingOverflow(by: 10)
            let (sum, overAgain) = tenfold.addingReportingOverflow(Int(octet - 0x30))
            number = over || overAgain ? .max : sum
        }
        return number
    }

    /// True when these octets spell an IPv6 address.
    var isIPv6Address: Bool {
        guard count < 64 else { return false }
        var text = map { CChar(bitPattern: $0) }
        guard !text.contains(0) else { return false }
        text.append(0)
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }
}
