/// Octets, headers and answers.
extension JSON {
    /// Octets as a value: text where they are UTF-8, else Base64.
    public init(bytes: [UInt8]) {
        self = String(validating: bytes, as: UTF8.self).map(JSON.string) ?? ["b64": .string(Base64.encoded(bytes))]
    }

    /// The octets for which a value stands; nil if it is none of the two forms. See `Event.bytes` for bodies.
    public var bytes: [UInt8]? { string.map { Array($0.utf8) } ?? self["b64"].string.flatMap(Base64.decoded) }

    // MARK: Headers, an array of pairs; names in any case

    private func isNamed(_ name: String) -> Bool { array?.first?.string?.lowercased() == name.lowercased() }

    /// The first value of that name, if it is text.
    public func header(_ name: String) -> String? { headers(name).first?.string }

    public func headers(_ name: String) -> [JSON] {
        (array ?? []).filter { $0.isNamed(name) }.compactMap { $0.array?.last }
    }

    public mutating func addHeader(_ name: String, _ value: JSON) {
        self = .array((array ?? []) + [[.string(name), value]])
    }

    /// Puts one field where the first of that name is, at the end if there is none.
    public mutating func setHeader(_ name: String, _ value: JSON) {
        var list = array ?? []
        let place = list.firstIndex { $0.isNamed(name) } ?? list.endIndex
        list.removeAll { $0.isNamed(name) }
        list.insert([.string(name), value], at: place)
        self = .array(list)
    }

    public mutating func removeHeader(_ name: String) { self = .array((array ?? []).filter { !$0.isNamed(name) }) }

    // MARK: Results

    /// An object for each step of a path such as `flow.response.headers`, and the value at its end.
    public static func patch(_ path: String, _ value: JSON) -> JSON {
        path.split(separator: ".").reversed().reduce(value) { .object([Member(name: String($1), value: $0)]) }
    }

    /// A response in the place of the server's.
    public static func respond(_ status: Int, headers: JSON = [], content: [UInt8] = []) -> JSON {
        .patch("flow.response", ["status_code": .integer(status), "headers": headers, "content": JSON(bytes: content)])
    }

    public static var kill: JSON { ["kill": true] }
}

private enum Base64 {
    static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    static let values = (UInt8.min...UInt8.max).map { digits.firstIndex(of: $0) }

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (24 - 8 * group.count)
            for place in 0...3 {
                text.append(place > group.count ? UInt8(ascii: "=") : digits[bits >> (18 - 6 * place) & 63])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decoded(_ text: String) -> [UInt8]? {
        var (bytes, bits, count): ([UInt8], Int, Int) = ([], 0, 0)
        for digit in text.utf8.prefix(while: { $0 != UInt8(ascii: "=") }) {
            guard let value = values[Int(digit)] else { return nil }
            (bits, count) = ((bits << 6 | value) & 0xFFFF, count + 6)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
        return bytes
    }
}
