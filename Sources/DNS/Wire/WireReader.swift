/// Takes numbers and names off a message, from its first octet on. Copies no octets but those of names.
///
/// A compressed name (RFC 1035 4.1.4) may point only to what stands before its own beginning, and each further pointer only before
/// the one that led there: so every name ends, whatever the octets are.
struct WireReader {
    let octets: [UInt8]
    /// How many octets were taken.
    private(set) var offset = 0
    /// Where this reader's part of the message ends.
    let end: Int

    init(_ octets: [UInt8]) {
        self.octets = octets
        end = octets.count
    }

    private init(_ octets: [UInt8], _ range: Range<Int>) {
        self.octets = octets
        offset = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - offset }

    mutating func byte() throws(WireFailure) -> UInt8 {
        guard remaining >= 1 else { throw truncated(1) }
        defer { offset += 1 }
        return octets[offset]
    }

    mutating func number16() throws(WireFailure) -> Int {
        guard remaining >= 2 else { throw truncated(2) }
        defer { offset += 2 }
        return Int(octets[offset]) << 8 | Int(octets[offset + 1])
    }

    mutating func number32() throws(WireFailure) -> Int {
        guard remaining >= 4 else { throw truncated(4) }
        return try number16() << 16 | number16()
    }

    mutating func bytes(_ count: Int) throws(WireFailure) -> ArraySlice<UInt8> {
        guard remaining >= count else { throw truncated(count) }
        defer { offset += count }
        return octets[offset..<offset + count]
    }

    /// A reader of the next octets, whose names may point out of them.
    mutating func part(_ count: Int) throws(WireFailure) -> WireReader {
        guard remaining >= count else { throw truncated(count) }
        defer { offset += count }
        return WireReader(octets, offset..<offset + count)
    }

    mutating func name() throws(WireFailure) -> DomainName {
        var labels: [[UInt8]] = []
        var length = 1
        // Where the piece that is being read begins; pointers must lead to before it.
        var start = offset
        var place = offset
        var bound = end
        var resumption: Int?
        while true {
            guard place < bound else { throw WireFailure("a name goes on behind the end of its part, octet \(bound)") }
            let octet = Int(octets[place])
            switch octet >> 6 {
            case 0 where octet == 0:
                offset = resumption ?? place + 1
                return try DomainName(labels: labels)
            case 0:
                guard place + 1 + octet <= bound else {
                    throw WireFailure("a label of \(octet) octets goes on behind the end of its part, octet \(bound)")
                }
                length += 1 + octet
                guard length <= DomainName.maximumLength else {
                    throw WireFailure("a name of more than \(DomainName.maximumLength) octets")
                }
                labels.append(Array(octets[place + 1..<place + 1 + octet]))
                place += 1 + octet
            case 3:
                guard place + 2 <= bound else { throw WireFailure("half a pointer at octet \(place)") }
                let target = (octet & 0x3F) << 8 | Int(octets[place + 1])
                guard target < start else { throw WireFailure("a pointer at octet \(place) that does not lead back") }
                guard target >= MessageHeader.length else {
                    throw WireFailure("a pointer at octet \(place) that leads into the header")
                }
                resumption = resumption ?? place + 2
                (start, place, bound) = (target, target, octets.count)
            default: throw WireFailure("a label of an unknown kind at octet \(place)")
            }
        }
    }

    private func truncated(_ count: Int) -> WireFailure {
        WireFailure("expected \(count) more octets at octet \(offset), found \(remaining)")
    }
}
