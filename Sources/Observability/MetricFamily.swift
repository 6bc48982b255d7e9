/// A family of measurements with their values at one moment.
package struct MetricFamily: Sendable {
    package enum Value: Sendable, Equatable {
        case number(Double)
        case distribution(Distribution)
    }

    package struct Sample: Sendable {
        /// Names and values; the names are unlike each other.
        package let labels: [(name: String, value: String)]
        package let value: Value

        package init(_ labels: [(name: String, value: String)], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package let instrument: Instrument
    package var samples: [Sample]

    package init(_ instrument: Instrument, _ samples: [Sample]) {
        self.instrument = instrument
        self.samples = samples
    }
}

/// The rules of Prometheus for names.
package enum MetricName {
    /// Letters, digits, `_` and `:`, not with a digit first; whatever else stands there becomes `_`.
    package static func metric(_ text: String) -> String { name(text, allowsColon: true) }

    /// As a metric's, without `:`. Those with `__` before them are the server's own.
    package static func label(_ text: String) -> String {
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
