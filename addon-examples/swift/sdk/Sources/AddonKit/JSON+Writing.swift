extension JSON: CustomStringConvertible {
    /// The value as it stands in a line.
    public var description: String {
        var line: [UInt8] = []
        write(to: &line)
        return String(decoding: line, as: UTF8.self)
    }

    func write(to line: inout [UInt8]) {
        switch self {
        case .null: line += "null".utf8
        case .bool(let value): line += (value ? "true" : "false").utf8
        case .integer(let number): line += String(number).utf8
        // JSON has neither infinity nor NaN.
        case .number(let number): line += (number.isFinite ? "\(number)" : "null").utf8
        case .string(let text): Self.write(text, to: &line)
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                value.write(to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .object(let members):
            line.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &line)
                line.append(UInt8(ascii: ":"))
                member.value.write(to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to line: inout [UInt8]) {
        var text = text
        line.append(UInt8(ascii: "\""))
        text.withUTF8 { octets in
            var start = 0
            for index in octets.indices where octets[index] < 0x20 || octets[index] == 0x22 || octets[index] == 0x5C {
                line += octets[start..<index]
                start = index + 1
                switch octets[index] {
                case 0x0A: line += "\\n".utf8
                case 0x22, 0x5C: line += [0x5C, octets[index]]
                case let control:
                    let digits = Array("0123456789abcdef".utf8)
                    line += "\\u00".utf8
                    line += [digits[Int(control >> 4)], digits[Int(control & 15)]]
                }
            }
            line += octets[start...]
        }
        line.append(UInt8(ascii: "\""))
    }
}
