/// A family of measurements: a row of an `InstrumentTable`, which the exposition and the documents share.
public struct Instrument: Sendable {
    public enum Kind: String, Sendable {
        /// Only rises. The formats add `_total` to its name.
        case counter
        case gauge
        /// Seconds, counted in `Distribution.bounds`.
        case histogram
        /// Always 1: what is to be known stands in the labels. The formats add `_info` to its name.
        case info
    }

    /// Without what the formats add.
    public let name: String
    public let kind: Kind
    /// Names of the labels, in the order in which their values are given.
    public let labels: [String]
    public let doc: String

    public init(_ kind: Kind, _ name: String, _ doc: String) { self.init(kind, name, [], doc) }

    public init(_ kind: Kind, _ name: String, _ labels: [String], _ doc: String) {
        self.kind = kind
        self.name = name
        self.labels = labels
        self.doc = doc
    }

    /// The name of its samples in the text format; a histogram's have more behind it.
    public var sampleName: String {
        switch kind {
        case .counter: name + "_total"
        case .info: name + "_info"
        case .gauge, .histogram: name
        }
    }
}

/// A struct whose stored properties are instruments.
public protocol InstrumentTable: Sendable {}

extension InstrumentTable {
    /// The table's instruments in declared order.
    public var instruments: [Instrument] { Mirror(reflecting: self).children.compactMap { $0.value as? Instrument } }
}
