import Glibc

/// Dates of HTTP fields, in whole seconds since 1970.
enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Reads a date as user agents do (RFC 6265 5.1.1): time, day, month and year in whichever order; always GMT.
    static func read(_ text: String) -> Double? {
        var clock: (Int, Int, Int)?
        var day: Int?
        var month: Int?
        var year: Int?
        for word in text.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == ":") }) {
            let digits = word.prefix { ("0"..."9").contains($0) }
            if clock == nil, let time = time(word) {
                clock = time
            } else if day == nil, (1...2).contains(digits.count), digits.count == word.count, let number = Int(digits) {
                day = number
            } else if month == nil, let index = months.firstIndex(of: word.prefix(3).lowercased()) {
                month = index
            } else if year == nil, digits.count == word.count, digits.count == 2 || digits.count == 4, let number = Int(digits) {
                year = digits.count == 4 ? number : number + (number < 70 ? 2000 : 1900)
            }
        }
        guard let (hours, minutes, seconds) = clock, let day, let month, let year, (1...31).contains(day), year >= 1601 else {
            return nil
        }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hours), Int32(minutes), Int32(seconds))
        return Double(timegm(&parts))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7); nil outside the years of four digits.
    static func text(_ seconds: Double) -> String? {
        guard seconds > -11_000_000_000, seconds < 253_402_300_800 else { return nil }
        var time = time_t(seconds.rounded(.down))
        var parts = tm()
        guard gmtime_r(&time, &parts) != nil, months.indices.contains(Int(parts.tm_mon)) else { return nil }
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let two = { (number: Int32) in number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(two(parts.tm_mday)) \(months[Int(parts.tm_mon)].capitalizedFirst) \(parts.tm_year + 1900)"
        return "\(days[Int(parts.tm_wday) % 7]), \(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }

    private static func time(_ word: Substring) -> (Int, Int, Int)? {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let hours = parts[0], let minutes = parts[1], let seconds = parts[2], (0...23).contains(hours),
            (0...59).contains(minutes), (0...60).contains(seconds)
        else { return nil }
        return (hours, minutes, seconds)
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
