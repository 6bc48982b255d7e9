import FlowModel
import Schema

/// How the rows' shapes stand in a flow file: made once from the tables of the records, so that no member is named a second time.
///
/// Files tell bytes from text and integers from floats where JSON does not; the shapes know which is meant.
indirect enum SavedLayout: Sendable {
    case boolean, integer, number, text, bytes, headers, content, any
    case array(SavedLayout)
    case tuple([SavedLayout])
    case nullable(SavedLayout)
    /// A position in `Records.all`.
    case record(Int)

    /// The layouts of all records that a state can have.
    struct Records: Sendable {
        var all: [[(name: String, layout: SavedLayout)]] = []
        private var places: [String: Int] = [:]

        init() {
            for kind in FlowKind.allCases { _ = place(of: kind.record) }
        }

        subscript(_ kind: FlowKind) -> SavedLayout { .record(places[kind.record.name] ?? 0) }

        /// A record may hold another of its kind, so it has its place before its rows are looked at.
        private mutating func place(of record: RecordShape) -> Int {
            if let place = places[record.name] { return place }
            let place = all.count
            places[record.name] = place
            all.append([])
            all[place] = record.fields().filter { $0.access != .writeOnly }.map { ($0.name, layout(of: $0.shape)) }
            return place
        }

        private mutating func layout(of shape: Shape) -> SavedLayout {
            switch shape {
            case .boolean: .boolean
            case .integer: .integer
            case .number: .number
            case .string: .text
            case .byteString: .bytes
            case .headers: .headers
            case .content: .content
            case .any, .object: .any
            case .array(let element): .array(layout(of: element))
            case .tuple(let elements): .tuple(elements.map { layout(of: $0) })
            case .nullable(let wrapped): .nullable(layout(of: wrapped))
            case .record(let record): .record(place(of: record))
            }
        }
    }

    static let records = Records()
    static let headerPair = SavedLayout.tuple([.bytes, .bytes])
}
