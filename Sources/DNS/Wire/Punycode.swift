/// The letters of an internationalised label as ASCII (RFC 3492), without the prefix `xn--`.
///
/// Pure functions; both directions fail, with nil, where the number would not fit or the text has no such form.
enum Punycode {
    private static let base = 36
    private static let minimum = 1
    private static let maximum = 26
    private static let hyphen = UInt8(ascii: "-")
    /// Far more than a label of 63 octets can stand for.
    private static let bound = 1 << 40

    static func encode(_ label: [Unicode.Scalar]) -> [UInt8]? {
        var output = label.filter(\.isASCII).map { UInt8($0.value) }
        let basic = output.count
        if basic > 0 { output.append(hyphen) }
        var state = (delta: 0, bias: 72, handled: basic)
        var next = 0x80
        while state.handled < label.count {
            guard let least = label.map({ Int($0.value) }).filter({ $0 >= next }).min() else { return nil }
            state.delta += (least - next) * (state.handled + 1)
            guard state.delta < bound else { return nil }
            next = least
            for scalar in label {
                if scalar.value < next { state.delta += 1 }
                guard scalar.value == next else { continue }
                append(state.delta, bias: state.bias, to: &output)
                state.bias = adapted(state.delta, count: state.handled + 1, isFirst: state.handled == basic)
                state.delta = 0
                state.handled += 1
            }
            state.delta += 1
            next += 1
        }
        return output
    }

    static func decode(_ octets: [UInt8]) -> [Unicode.Scalar]? {
        let hyphen = octets.lastIndex(of: hyphen)
        var output = octets[..<(hyphen ?? 0)].map { Unicode.Scalar($0) }
        guard output.allSatisfy(\.isASCII) else { return nil }
        var rest = octets[(hyphen.map { $0 + 1 } ?? 0)...]
        var (next, bias, index) = (0x80, 72, 0)
        while !rest.isEmpty {
            let before = index
            var (weight, place) = (1, base)
            while true {
                guard let octet = rest.popFirst(), let digit = digit(octet) else { return nil }
                index += digit * weight
                let threshold = min(max(place - bias, minimum), maximum)
                if digit < threshold { break }
                weight *= base - threshold
                place += base
                guard weight < bound, index < bound else { return nil }
            }
            let count = output.count + 1
            bias = adapted(index - before, count: count, isFirst: before == 0)
            next += index / count
            index %= count
            guard let value = UInt32(exactly: next), let scalar = Unicode.Scalar(value) else { return nil }
            output.insert(scalar, at: index)
            index += 1
        }
        return output
    }

    private static func append(_ number: Int, bias: Int, to output: inout [UInt8]) {
        var (rest, place) = (number, base)
        while true {
            let threshold = min(max(place - bias, minimum), maximum)
            if rest < threshold { break }
            output.append(letter(threshold + (rest - threshold) % (base - threshold)))
            rest = (rest - threshold) / (base - threshold)
            place += base
        }
        output.append(letter(rest))
    }

    private static func adapted(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / count
        var steps = 0
        while delta > (base - minimum) * maximum / 2 {
            delta /= base - minimum
            steps += base
        }
        return steps + (base - minimum + 1) * delta / (delta + 38)
    }

    private static func letter(_ digit: Int) -> UInt8 { UInt8(digit < 26 ? 0x61 + digit : 0x30 + digit - 26) }

    private static func digit(_ octet: UInt8) -> Int? {
        switch octet {
        case 0x61...0x7A: Int(octet) - 0x61
        case 0x41...0x5A: Int(octet) - 0x41
        case 0x30...0x39: Int(octet) - 0x30 + 26
        default: nil
        }
    }
}
