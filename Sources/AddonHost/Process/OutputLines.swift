/// Turns what a worker prints into lines for the log: cut, made visible, and no more of them a second than the log can bear.
///
/// Times are milliseconds that never go back.
package struct OutputLines: Sendable {
    package let maximumLength: Int
    package let rate: Int
    private var line: [UInt8] = []
    private var isCut = false
    private var second: Int64 = 0
    private var given = 0
    private var suppressed = 0

    package init(maximumLength: Int = 4096, rate: Int = 100) {
        self.maximumLength = maximumLength
        self.rate = rate
    }

    /// The lines that are ended by `bytes`.
    package mutating func received(_ bytes: some Sequence<UInt8>, now: Int64) -> [String] {
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
    package mutating func finished(now: Int64) -> [String] {
        var lines: [String] = []
        if !line.isEmpty { end(now: now, into: &lines) }
        report(into: &lines)
        return lines
    }

    private mutating func end(now: Int64, into lines: inout [String]) {
        if now - second >= 1000 {
            report(into: &lines)
            (second, given) = (now, 0)
        }
        if given < rate {
            given += 1
            lines.append(Self.visible(line) + (isCut ? "…" : ""))
        } else {
            suppressed += 1
        }
        line.removeAll(keepingCapacity: true)
        isCut = false
    }

    private mutating func report(into lines: inout [String]) {
        guard suppressed > 0 else { return }
        lines.append("(\(suppressed) lines suppressed)")
        suppressed = 0
    }

    /// The text without characters that would move the cursor or colour a terminal.
    package static func visible(_ bytes: [UInt8]) -> String {
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
