/// A family of measurements with their values at one moment.
public struct MetricFamily: Sendable {
    public enum Value: Sendable, Equatable {
        case number(Double)
        case distribution(Distribution)
    }

    public struct Sample: Sendable {
        /// Names and values; the names are unlike each other.
        public let labels: [(name: String, value: String)]
        public let value: Value

        public init(_ labels: [(name: String, value: String)], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    public let instrument: Instrument
    public var samples: [Sample]

    public init(_ instrument: Instrument, _ samples: [Sample]) {
        self.instrument = instrument
        self.samples = samples
    }
}

/// The rules of Prometheus for names.
public enum MetricName {
    /// Letters, digits, `_` and `:`, not with a digit first; whatever else stands there becomes `_`.
    public static func metric(_ text: String) -> String { name(text, allowsColon: true) }

    /// As a metric's, without `:`. Those with `__` before them are the server's own.
    public static func label(_ text: String) -> String {
        let name = name(text, allowsColon: false)
        return name.hasPrefix("__") ? "x" + name : name
    }

    private static func name(_ text: String, allowsColon: Bool) -> String {
        var result = ""
        for (index, byte) in text.utf8.enumerated() {
            let isDigit = (0x30...0x39).contains(byte)
            let isAllowed =
                (0x61...0x7A).contains(byte | 0x20) && byte < 0x80 || byte == UInt8(ascii: "_") || isDigit
                || allowsColon && byte == UInt8(ascii: ":")
            if index == 0, isDigit { result.append("_") }
            result.unicodeScalars.append(isAllowed ? Unicode.Scalar(byte) : "_")
        }
        return result.isEmpty ? "_" : result
    }
}
