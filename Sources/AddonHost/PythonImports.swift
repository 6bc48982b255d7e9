import Glibc

/// What a Python file imports from its own folder, and what that imports from there.
enum PythonImports {
    /// Files that are followed, at most.
    private static let maximum = 64
    /// Bytes of a file that are looked at.
    private static let lookedAt = 1 << 20

    /// The files, without the one itself.
    static func files(of path: String) -> [String] {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[..<$0]) } ?? "."
        var (found, waiting) = ([String](), [path])
        while let file = waiting.popLast(), found.count < maximum {
            for module in modules(of: file) {
                let places = ["\(folder)/\(module).py", "\(folder)/\(module)/__init__.py"]
                guard let place = places.first(where: { access($0, R_OK) == 0 }), place != path, !found.contains(place) else {
                    continue
                }
                found.append(place)
                waiting.append(place)
            }
        }
        return found
    }

    /// The text of a file, as far as it is looked at; nil where it cannot be read.
    static func text(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: lookedAt)
        var count = 0
        while count < bytes.count {
            let more = bytes[count...].withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            guard more > 0 else { break }
            count += more
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Names behind `import` and `from`, wherever in the file; dots stand for folders.
    private static func modules(of path: String) -> [String] {
        guard let text = text(of: path) else { return [] }
        var modules: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard words.count == 2, words[0] == "import" || words[0] == "from" else { continue }
            let names = words[0] == "import" ? words[1].split(separator: ",") : [words[1]]
            for name in names {
                let module = name.drop { $0 == " " || $0 == "." }.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
                if !module.isEmpty { modules.append(module.split(separator: ".").joined(separator: "/")) }
            }
        }
        return modules
    }
}
