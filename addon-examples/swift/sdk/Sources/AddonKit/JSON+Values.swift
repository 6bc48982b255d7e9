/// Octets, headers and answers.
extension JSON {
    /// Octets as a value: text where they are UTF-8, else Base64.
    public init(bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = .string(text)
        } else {
            self = .object([Member("b64", .string(Base64.encoded(bytes)))])
        }
    }

    /// The octets for which a value stands; nil if it is none of the two forms. See `Event.bytes` for bodies.
    public var bytes: [UInt8]? {
        if case .string(let text) = self { return Array(text.utf8) }
        return self["b64"].string.flatMap(Base64.decoded)
    }

    // MARK: Headers, an array of pairs; names in any case

    private func isNamed(_ name: String) -> Bool { array?.first?.string?.lowercased() == name }

    /// The first value of that name, if it is text.
    public func header(_ name: String) -> String? { headers(name).first?.string }

    public func headers(_ name: String) -> [JSON] {
        let name = name.lowercased()
        return (array ?? []).filter { $0.isNamed(name) }.compactMap { $0.array?.last }
    }

    public mutating func addHeader(_ name: String, _ value: JSON) { self = .array((array ?? []) + [[.string(name), value]]) }

    /// Puts one field where the first of that name is, at the end if there is none.
    public mutating func setHeader(_ name: String, _ value: JSON) {
        let (lower, list) = (name.lowercased(), array ?? [])
        guard let first = list.firstIndex(where: { $0.isNamed(lower) }) else { return addHeader(name, value) }
        self = .array(list[..<first] + [[.string(name), value]] + list[(first + 1)...].filter { !$0.isNamed(lower) })
    }

    public mutating func removeHeader(_ name: String) {
        let name = name.lowercased()
        self = .array((array ?? []).filter { !$0.isNamed(name) })
    }

    // MARK: Results

    /// An object for each step of a path such as `flow.response.headers`, and the value at its end.
    public static func patch(_ path: String, _ value: JSON) -> JSON {
        path.split(separator: ".").reversed().reduce(value) { .object([Member(String($1), $0)]) }
    }

    /// A response in the place of the server's.
    public static func respond(_ status: Int, headers: JSON = [], content: [UInt8] = []) -> JSON {
        ["flow": ["response": ["status_code": .integer(status), "headers": headers, "content": JSON(bytes: content)]]]
    }

    public static var kill: JSON { ["kill": true] }
}

enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            let group =
                UInt(bytes[start]) << 16 | (count > 1 ? UInt(bytes[start + 1]) << 8 : 0)
                | (count > 2 ? UInt(bytes[start + 2]) : 0)
            text.append(digits[Int(group >> 18)])
            text.append(digits[Int(group >> 12 & 63)])
            text.append(count > 1 ? digits[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            text.append(count > 2 ? digits[Int(group & 63)] : UInt8(ascii: "="))
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decoded(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var (bits, count, isOver) = (UInt32(0), 0, false)
        for digit in text.utf8 {
            if digit == UInt8(ascii: "=") {
                isOver = true
                continue
            }
            let value = values[Int(digit)]
            guard value < 64, !isOver else { return nil }
            bits = bits << 6 | UInt32(value)
            if count % 4 > 0 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(6 - count % 4 * 2))) }
            count += 1
        }
        return count % 4 == 1 ? nil : bytes
    }
}
