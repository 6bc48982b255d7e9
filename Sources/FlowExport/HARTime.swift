import Glibc

/// Times as an archive has them: ISO 8601 with a zone.
enum HARTime {
    /// `2026-01-02T03:04:05.678900+00:00`; without the fraction if it is zero.
    static func text(_ seconds: Double) -> String {
        let microseconds = (seconds * 1_000_000).rounded()
        // The year 9999, beyond which there is no such form.
        guard microseconds.isFinite, abs(microseconds) < 253_402_300_799e6 else { return text(0) }
        let (whole, fraction) = Int(microseconds).quotientAndRemainder(dividingBy: 1_000_000)
        var time = time_t(fraction < 0 ? whole - 1 : whole)
        var parts = tm()
        gmtime_r(&time, &parts)
        let micro = fraction < 0 ? fraction + 1_000_000 : fraction
        let date = "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
        let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
        return "\(date)T\(clock)\(micro == 0 ? "" : "." + digits(micro, 6))+00:00"
    }

    /// Seconds since 1970 of `2026-01-02T03:04:05[.678…][Z|±hh[:]mm]`, also with a space for the `T`; UTC without a zone. Nil if
    /// it is no such text.
    static func seconds(_ text: String) -> Double? {
        var rest = Substring(text)
        var parts = tm()
        guard let year = number(&rest, 4), skip(&rest, "-"), let month = number(&rest, 2), skip(&rest, "-"),
            let day = number(&rest, 2), skip(&rest, "Tt "), let hour = number(&rest, 2), skip(&rest, ":"),
            let minute = number(&rest, 2)
        else { return nil }
        var second = 0
        if skip(&rest, ":") {
            guard let value = number(&rest, 2) else { return nil }
            second = value
        }
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else { return nil }
        var fraction = 0.0
        if skip(&rest, ".,") {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            guard !digits.isEmpty, let value = Double("0.\(digits.prefix(18))") else { return nil }
            fraction = value
            rest = rest[digits.endIndex...]
        }
        guard let zone = zone(rest) else { return nil }
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        return Double(timegm(&parts) - zone) + fraction
    }

    /// Seconds east of Greenwich.
    private static func zone(_ text: Substring) -> Int? {
        if text.isEmpty || text == "Z" || text == "z" { return 0 }
        var rest = text
        guard let sign = rest.popFirst(), sign == "+" || sign == "-", let hours = number(&rest, 2) else { return nil }
        _ = skip(&rest, ":")
        let minutes = rest.isEmpty ? 0 : number(&rest, 2)
        guard let minutes, rest.isEmpty else { return nil }
        return (sign == "-" ? -60 : 60) * (hours * 60 + minutes)
    }

    private static func number(_ text: inout Substring, _ width: Int) -> Int? {
        let digits = text.prefix(width)
        guard digits.utf8.count == width, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        text = text[digits.endIndex...]
        return Int(digits)
    }

    private static func skip(_ text: inout Substring, _ any: String) -> Bool {
        guard let first = text.first, any.contains(first) else { return false }
        text = text.dropFirst()
        return true
    }

    private static func digits(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(width - text.count, 0)) + text
    }
}
