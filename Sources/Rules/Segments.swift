import FlowModel

/// A rule's value in its parts: `[/filter]/subject/replacement`, where the first character is the separator.
struct Segments {
    /// Nil for every flow.
    let filter: Filter?
    let subject: String
    /// The rest, separators included.
    let replacement: String

    init(_ text: String) throws(BadValue) {
        let parts = try Self.split(text)
        switch parts.count {
        case 2:
            filter = nil
            (subject, replacement) = (parts[0], parts[1])
        case 3:
            filter = try Self.filter(parts[0])
            (subject, replacement) = (parts[1], parts[2])
        default: throw BadValue("it has 1 part, not 2 or 3")
        }
    }

    /// At most three parts between separators; the last takes the rest.
    static func split(_ text: String) throws(BadValue) -> [String] {
        // By scalars: a separator may be followed by what would combine with it.
        guard let separator = text.unicodeScalars.first else { throw BadValue("it is empty") }
        return text.unicodeScalars.dropFirst().split(separator: separator, maxSplits: 2, omittingEmptySubsequences: false)
            .map { String($0) }
    }

    static func filter(_ text: String) throws(BadValue) -> Filter {
        do throws(FilterError) {
            return try Filter(text)
        } catch {
            throw BadValue("filter '\(text)': \(error.message) (at character \(error.offset + 1))")
        }
    }

    static func regex(_ octets: [UInt8], _ options: RegularExpression.Options = []) throws(BadValue) -> RegularExpression {
        do throws(FilterError) {
            return try RegularExpression(octets: octets, options: options)
        } catch {
            throw BadValue("'\(error.expression)': \(error.message) (at character \(error.offset + 1))")
        }
    }

    static func replacement(_ octets: [UInt8], for regex: RegularExpression) throws(BadValue) -> Replacement {
        do throws(Replacement.Failure) { return try Replacement(octets, for: regex) } catch { throw BadValue("\(error)") }
    }
}

/// The backslash escapes of Python's byte strings, which `modify_headers` and `modify_body` undo before anything else.
enum Escapes {
    private static let letters: [UInt8: UInt8] = [
        UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "'"): 0x27, UInt8(ascii: "\""): 0x22, UInt8(ascii: "a"): 0x07,
        UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D,
        UInt8(ascii: "t"): 0x09, UInt8(ascii: "v"): 0x0B,
    ]

    /// The octets that the text stands for. Escapes that there are not stay as they are, with their backslash.
    static func undo(_ text: String) throws(BadValue) -> [UInt8] {
        let input = Array(text.utf8)
        var output: [UInt8] = []
        var index = 0
        while index < input.count {
            let octet = input[index]
            index += 1
            guard octet == UInt8(ascii: "\\") else {
                output.append(octet)
                continue
            }
            guard index < input.count else { throw BadValue("it ends in a backslash") }
            let escape = input[index]
            index += 1
            switch escape {
            case UInt8(ascii: "\n"): break
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                let digits = input[(index - 1)...].prefix(3).prefix { (0x30...0x37).contains($0) }
                index += digits.count - 1
                output.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }))
            case UInt8(ascii: "x"):
                let digits = String(decoding: input[index...].prefix(2), as: UTF8.self)
                guard digits.utf8.count == 2, digits.first != "+", let value = UInt8(digits, radix: 16) else {
                    throw BadValue("\\x without two hexadecimal digits")
                }
                index += 2
                output.append(value)
            default:
                if let character = letters[escape] { output.append(character) } else { output += [UInt8(ascii: "\\"), escape] }
            }
        }
        return output
    }
}
