/// Turns what a worker prints into lines for the log: cut, made visible, and no more of them a second than the log can bear.
///
/// Times are milliseconds that never go back.
public struct OutputLines: Sendable {
    public let maximumLength: Int
    private var line: [UInt8] = []
    private var isCut = false
    private var rate: LineRate

    public init(maximumLength: Int = 4096, rate: Int = 100) {
        self.maximumLength = maximumLength
        self.rate = LineRate(rate: rate)
    }

    /// How many lines ever did not pass.
    public var refused: Int { rate.refused }

    /// The lines that are ended by `bytes`.
    public mutating func received(_ bytes: some Sequence<UInt8>, now: Int64) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A {
                end(now: now, into: &lines)
            } else if line.count < maximumLength {
                line.append(byte)
            } else {
                isCut = true
            }
        }
        return lines
    }

    /// What is left when the worker has closed its output.
    public mutating func finished(now: Int64) -> [String] {
        var lines: [String] = []
        if !line.isEmpty { end(now: now, into: &lines) }
        let suppressed = rate.takeSuppressed()
        if suppressed > 0 { lines.append(LineRate.text(suppressed)) }
        return lines
    }

    private mutating func end(now: Int64, into lines: inout [String]) {
        let (isAdmitted, suppressed) = rate.admit(now: now)
        if suppressed > 0 { lines.append(LineRate.text(suppressed)) }
        if isAdmitted { lines.append(Self.visible(line) + (isCut ? "…" : "")) }
        line.removeAll(keepingCapacity: true)
        isCut = false
    }

    /// The text without characters that would move the cursor or colour a terminal.
    public static func visible(_ bytes: [UInt8]) -> String {
        var text = ""
        for scalar in String(decoding: bytes.last == 0x0D ? bytes.dropLast() : bytes[...], as: UTF8.self).unicodeScalars {
            if scalar == "\t" {
                text += "    "
            } else if scalar.properties.generalCategory == .control {
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
