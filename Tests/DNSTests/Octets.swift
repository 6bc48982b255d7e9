import FlowModel

@testable import DNS

/// Octets written as text: `\` before two hexadecimal digits is one octet; spaces and line ends count for nothing.
func octets(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var rest = text.utf8[...]
    while let octet = rest.popFirst() {
        switch octet {
        case UInt8(ascii: " "), UInt8(ascii: "\n"): break
        case UInt8(ascii: "\\"):
            result.append(UInt8(String(Substring(rest.prefix(2))), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        default: result.append(octet)
        }
    }
    return result
}

/// Messages without a fault, as servers and clients send them: the seeds of the mutations.
enum GoodMessages {
    static let query = octets(#"\12\34 \01\00 \00\01 \00\00 \00\00 \00\00 \07example\03org\00 \00\01 \00\01"#)
    static let answer = octets(
        #"\12\34 \85\80 \00\01 \00\02 \00\00 \00\01 \03www\07example\03org\00 \00\01 \00\01"#
            + #"\C0\0C \00\05 \00\01 \00\00\0E\10 \00\06 \03web\C0\10"#
            + #"\C0\2D \00\01 \00\01 \00\00\0E\10 \00\04 \C0\00\02\01"#
            + #"\00 \00\29 \04\D0 \00\00\00\00 \00\00"#)
    static let mail = octets(
        #"\00\01 \81\80 \00\01 \00\01 \00\01 \00\01 \01m\01a\00 \00\0F \00\01"#
            + #"\C0\0C \00\0F \00\01 \00\00\00\3C \00\06 \00\0A \01x\C0\0E"#
            + #"\C0\0E \00\06 \00\01 \00\00\00\3C \00\1A \01n\C0\0E \C0\0C \00\00\00\01 \00\00\00\02 \00\00\00\03 \00\00\00\04 \00\00\00\05"#
            + #"\01s\C0\0E \00\21 \00\01 \00\00\00\3C \00\0A \00\01\00\02\00\35 \01h\C0\0E"#)
    static let update = octets(
        #"\00\02 \28\00 \00\01 \00\00 \00\01 \00\00 \01z\00 \00\06 \00\01 \01n\C0\0C \00\05 \00\FF \00\00\00\00 \00\00"#)
    static let naptr = octets(
        #"\00\03 \81\80 \00\00 \00\01 \00\00 \00\00 \01a\00 \00\23 \00\01 \00\00\00\01"#
            + #"\00\0E \00\01\00\02 \01U \03sip \00 \01b\00"#)
    static let all = [query, answer, mail, update, naptr]
}

/// Numbers that look random and are the same in every run (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
