/// Where names stand in the data of those types of records whose names may be compressed, so that the data can be given without pointers
/// into the message it came in (RFC 3597 4 lists them; NXT and SIG are RFC 2535's).
///
/// The data of all other types holds no pointers and is taken as it is, that of OPT too.
struct RecordLayout {
    enum Piece {
        case name
        case octets(Int)
        /// As many octets as the first of them says.
        case string
        case rest
    }

    let pieces: [Piece]
    /// Whether the names may be compressed when we write them: those of RFC 1035 only (RFC 3597 4).
    let mayCompress: Bool

    private init(_ pieces: Piece..., mayCompress: Bool = false) {
        self.pieces = pieces
        self.mayCompress = mayCompress
    }

    /// Nil if data of that type is to be taken as it is.
    static func of(type: Int) -> RecordLayout? { table[type] }

    private static let single = RecordLayout(.name, mayCompress: true)
    private static let pair = RecordLayout(.octets(2), .name)

    private static let table: [Int: RecordLayout] = [
        2: single, 3: single, 4: single, 5: single, 7: single, 8: single, 9: single, 12: single,  // NS MD MF CNAME MB MG MR PTR
        6: RecordLayout(.name, .name, .octets(20), mayCompress: true),  // SOA
        14: RecordLayout(.name, .name, mayCompress: true),  // MINFO
        15: RecordLayout(.octets(2), .name, mayCompress: true),  // MX
        17: RecordLayout(.name, .name),  // RP
        18: pair, 21: pair, 36: pair,  // AFSDB RT KX
        24: RecordLayout(.octets(18), .name, .rest),  // SIG
        26: RecordLayout(.octets(2), .name, .name),  // PX
        30: RecordLayout(.name, .rest),  // NXT
        33: RecordLayout(.octets(6), .name),  // SRV
        35: RecordLayout(.octets(4), .string, .string, .string, .name),  // NAPTR
        39: RecordLayout(.name),  // DNAME
    ]

    /// The data without pointers. The reader is that of the data alone.
    func expanded(_ reader: WireReader) throws(WireFailure) -> [UInt8] {
        var writer = WireWriter()
        try copy(reader, to: &writer, compressed: false)
        return writer.octets
    }

    /// Copies data piece by piece. Data of no octets stays so: RFC 2136's updates have it.
    func copy(_ data: WireReader, to writer: inout WireWriter, compressed: Bool) throws(WireFailure) {
        var reader = data
        guard reader.remaining > 0 else { return }
        for piece in pieces {
            switch piece {
            case .name: writer.name(try reader.name(), compressed: compressed)
            case .octets(let count): writer.bytes(try reader.bytes(count))
            case .string:
                let count = try reader.byte()
                writer.bytes([count])
                writer.bytes(try reader.bytes(Int(count)))
            case .rest: writer.bytes(try reader.bytes(reader.remaining))
            }
        }
        guard reader.remaining == 0 else { throw WireFailure("\(reader.remaining) octets behind the end of its data") }
    }
}
