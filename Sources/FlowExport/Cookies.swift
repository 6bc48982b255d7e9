/// Reads `Cookie` and `Set-Cookie` as mitmproxy does: permissively, with duplicates, and never refusing.
enum Cookies {
    /// One cookie that a response sets. Attributes keep their order; one without `=` has no value.
    struct Setting: Equatable {
        var name: String
        var value: String?
        var attributes: [(name: String, value: String?)]

        /// The attribute's last value, without regard to case; nil if it is not there or has none.
        subscript(_ name: String) -> String? {
            attributes.last { $0.name.lowercased() == name }?.value
        }

        func has(_ name: String) -> Bool { attributes.contains { $0.name.lowercased() == name } }

        static func == (left: Setting, right: Setting) -> Bool {
            left.name == right.name && left.value == right.value
                && left.attributes.elementsEqual(right.attributes) { $0 == $1 }
        }
    }

    /// The pairs of one `Cookie` value.
    static func pairs(_ text: String) -> [(name: String, value: String)] {
        var reader = Reader(text)
        var pairs: [(String, String)] = []
        repeat {
            let name = reader.until([";", "="]).withoutLeadingSpace
            var value = ""
            if reader.isAt("=") {
                reader.skip()
                value = reader.value(endedBy: [";"])
            }
            if !name.isEmpty || !value.isEmpty { pairs.append((name, value)) }
            reader.skip()
        } while !reader.isAtEnd
        return pairs
    }

    /// The cookies of one `Set-Cookie` value, which may be several with commas between them.
    static func settings(_ text: String) -> [Setting] {
        var reader = Reader(text)
        var cookies: [[(String, String?)]] = []
        var pairs: [(String, String?)] = []
        repeat {
            let name = reader.until([";", "=", ","]).withoutLeadingSpace
            if reader.isAt("=") {
                reader.skip()
                var value = reader.value(endedBy: [";", ","])
                // A date has a comma behind its day's name, which begins no other cookie.
                if name.lowercased() == "expires", value.unicodeScalars.count <= 3 {
                    reader.skip()
                    value += "," + reader.value(endedBy: [";", ","])
                }
                pairs.append((name, value))
            } else if !name.isEmpty {
                pairs.append((name, nil))
            }
            if reader.isAt(",") {
                cookies.append(pairs)
                pairs = []
            }
            reader.skip()
        } while !reader.isAtEnd
        cookies.append(pairs)
        return cookies.compactMap { pairs in
            pairs.first.map { Setting(name: $0.0, value: $0.1, attributes: Array(pairs.dropFirst())) }
        }
    }

    /// A place in the text; it may stand behind the end.
    private struct Reader {
        private let text: [Unicode.Scalar]
        private var index = 0

        init(_ text: String) { self.text = Array(text.unicodeScalars) }

        var isAtEnd: Bool { index >= text.count }

        func isAt(_ scalar: Unicode.Scalar) -> Bool { index < text.count && text[index] == scalar }

        mutating func skip() { index += 1 }

        mutating func until(_ ends: [Unicode.Scalar]) -> String {
            let start = min(index, text.count)
            index = text[start...].firstIndex { ends.contains($0) } ?? text.count
            return String(String.UnicodeScalarView(text[start..<index]))
        }

        mutating func value(endedBy ends: [Unicode.Scalar]) -> String { isAt("\"") ? quoted() : until(ends) }

        /// A quoted string, with what its backslashes escape.
        private mutating func quoted() -> String {
            var value = String.UnicodeScalarView()
            skip()
            while index < text.count {
                let scalar = text[index]
                skip()
                if scalar == "\"" { break }
                if scalar != "\\" {
                    value.append(scalar)
                } else if index < text.count {
                    value.append(text[index])
                    skip()
                }
            }
            return String(value)
        }
    }
}

extension String {
    fileprivate var withoutLeadingSpace: String { String(drop { $0.isWhitespace }) }
}
