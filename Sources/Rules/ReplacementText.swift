/// The last part of a `modify_*` value: text with escapes, or `@` and a file that is read anew each time it is used.
enum ReplacementText {
    case octets([UInt8])
    case file(String)

    /// Throws if an escape is wrong or the file cannot be read now.
    init(_ text: String) throws(BadValue) {
        if text.hasPrefix("@") {
            let path = LocalFile.expanded(String(text.dropFirst()))
            _ = try LocalFile.read(path)
            self = .file(path)
        } else {
            self = .octets(try Escapes.undo(text))
        }
    }

    /// The octets as they are now.
    func read() throws(BadValue) -> [UInt8] {
        switch self {
        case .octets(let octets): octets
        case .file(let path): try LocalFile.read(path)
        }
    }
}
