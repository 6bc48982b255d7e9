/// Collects a message's octets. Names are compressed where the reader asked for it: a suffix that was written before, letter for
/// letter the same, is pointed to (RFC 1035 4.1.4).
struct WireWriter {
    private(set) var octets: [UInt8] = []
    private var places: [ArraySlice<[UInt8]>: Int] = [:]

    var count: Int { octets.count }

    mutating func number16(_ number: Int) {
        octets += [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }

    mutating func number32(_ number: Int) {
        number16(number >> 16)
        number16(number)
    }

    mutating func bytes(_ bytes: some Sequence<UInt8>) { octets += bytes }

    /// Puts a number in the place of one that was written before.
    mutating func patch16(_ number: Int, at offset: Int) {
        octets[offset] = UInt8(truncatingIfNeeded: number >> 8)
        octets[offset + 1] = UInt8(truncatingIfNeeded: number)
    }

    mutating func name(_ name: DomainName, compressed: Bool) {
        var rest = name.labels[...]
        while let label = rest.first {
            if compressed {
                if let place = places[rest] { return number16(0xC000 | place) }
                // What stands further on cannot be pointed to.
                if octets.count < 0x4000 { places[rest] = octets.count }
            }
            octets.append(UInt8(label.count))
            octets += label
            rest = rest.dropFirst()
        }
        octets.append(0)
    }
}
