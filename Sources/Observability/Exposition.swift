/// The text forms in which Prometheus reads measurements.
public enum Exposition: Sendable {
    /// Version 0.0.4.
    case text
    /// OpenMetrics 1.0.0.
    case openMetrics

    public var mediaType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// Families in the order of their names; a family without samples is left out.
    public func write(_ families: [MetricFamily]) -> [UInt8] {
        var lines = Lines(isOpen: self == .openMetrics)
        for family in families.sorted(by: { $0.instrument.name < $1.instrument.name }) where !family.samples.isEmpty {
            lines.add(family)
        }
        if self == .openMetrics { lines.bytes += "# EOF\n".utf8 }
        return lines.bytes
    }

    private struct Lines {
        let isOpen: Bool
        var bytes: [UInt8] = []

        mutating func add(_ family: MetricFamily) {
            let instrument = family.instrument
            // OpenMetrics names the family, the older format the samples.
            let name = isOpen ? instrument.name : instrument.sampleName
            let kind = instrument.kind == .info && !isOpen ? Instrument.Kind.gauge : instrument.kind
            bytes += "# HELP \(name) ".utf8
            escape(instrument.doc, quotes: isOpen)
            bytes += "\n# TYPE \(name) \(kind.rawValue)\n".utf8
            let sorted = family.samples.sorted { left, right in
                left.labels.map(\.value).lexicographicallyPrecedes(right.labels.map(\.value))
            }
            for sample in sorted {
                switch sample.value {
                case .number(let number): line(instrument.sampleName, sample.labels, number)
                case .distribution(let distribution): add(distribution, instrument.name, sample.labels)
                }
            }
        }

        private mutating func add(
            _ distribution: Distribution, _ name: String, _ labels: [(name: String, value: String)]
        ) {
            var count = 0
            for (index, inside) in distribution.counts.enumerated() {
                count += inside
                let bound = index < Distribution.bounds.count ? Self.text(Distribution.bounds[index], isOpen) : "+Inf"
                line(name + "_bucket", labels + [("le", bound)], Double(count))
            }
            line(name + "_sum", labels, distribution.sum)
            line(name + "_count", labels, Double(count))
        }

        private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
            bytes += name.utf8
            for (index, label) in labels.enumerated() {
                bytes.append(UInt8(ascii: index == 0 ? "{" : ","))
                bytes += label.name.utf8
                bytes += "=\"".utf8
                escape(label.value, quotes: true)
                bytes.append(UInt8(ascii: "\""))
            }
            bytes += "\(labels.isEmpty ? "" : "}") \(Self.text(value, false))\n".utf8
        }

        private mutating func escape(_ text: String, quotes: Bool) {
            for byte in text.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): bytes += "\\\\".utf8
                case UInt8(ascii: "\n"): bytes += "\\n".utf8
                case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
                default: bytes.append(byte)
                }
            }
        }

        /// The shortest text; a bound of OpenMetrics is never without a fraction.
        private static func text(_ value: Double, _ isBound: Bool) -> String {
            if let whole = Int64(exactly: value), abs(whole) < 1 << 53 { return isBound ? "\(whole).0" : "\(whole)" }
            if value.isNaN { return "NaN" }
            if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
            return "\(value)"
        }
    }
}
