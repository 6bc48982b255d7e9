import Control
import Schema

/// Columns of text for people.
enum TextTable {
    /// Rows with their columns under each other, two spaces between; what a worker said is made harmless.
    static func text(_ rows: [[String]], margin: String = "") -> String {
        let rows = rows.map { $0.map(FlowPrinter.safe) }
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            var line = margin
            for (index, cell) in row.enumerated() {
                line += cell
                if index < row.count - 1 { line += String(repeating: " ", count: widths[index] - cell.count + 2) }
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds)
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m\(whole % 60)s"
        case ..<86400: return "\(whole / 3600)h\(whole / 60 % 60)m"
        default: return "\(whole / 86400)d\(whole / 3600 % 24)h"
        }
    }

    static func milliseconds(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10000).rounded())
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)ms" : "\((tenths + 5) / 10)ms"
    }

    static func line(_ json: JSON) -> String { String(decoding: json.encoded, as: UTF8.self) + "\n" }
}
