import Glibc
import ProxyKernel
import TLSEngine

/// What `weir addon new` copies: the template of a language and its library, from the shipped examples.
struct NewAddon {
    /// The first line of this file names what `--addon` takes; it is not copied.
    private static let runFile = "RUN"
    private static let template = "new"
    private static let library = "sdk"

    let examples: String
    let language: String
    let name: String

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Languages that have a template, in order.
    static func languages(in examples: String) -> [String] {
        entries(of: examples).filter { access("\(examples)/\($0)/\(template)", F_OK) == 0 }.sorted()
    }

    /// Copies; the result is the path of what `--addon` takes, within the new folder, and whether it is to be built first.
    func make() throws(Failure) -> (run: String, isBuilt: Bool) {
        guard mkdir(name, 0o777) == 0 else {
            let reason = errno == EEXIST ? "it is there already" : String(cString: strerror(errno))
            throw Failure(description: "folder '\(name)': \(reason)")
        }
        let source = "\(examples)/\(language)"
        try copy("\(source)/\(Self.template)", to: name, depth: 0) { $0 != Self.runFile }
        let sdk = "\(source)/\(Self.library)"
        if access(sdk, F_OK) == 0 {
            guard mkdir("\(name)/\(Self.library)", 0o777) == 0 else { throw Self.failure("\(name)/\(Self.library)") }
            try copyLibrary(sdk, to: "\(name)/\(Self.library)", depth: 0)
        }
        let run = (try? read("\(source)/\(Self.template)/\(Self.runFile)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let line = run.split(separator: "\n").first.map(String.init) else {
            throw Failure(description: "'\(source)/\(Self.template)/\(Self.runFile)' does not name what is run")
        }
        return (filled(line), access("\(name)/build", X_OK) == 0)
    }

    /// The name as an identifier of any language.
    private var identifier: String { String(name.map { $0 == "-" ? "_" : $0 }) }

    private func filled(_ text: String) -> String { text.replacing("NAME", with: name).replacing("IDENT", with: identifier) }

    private func filled(_ bytes: [UInt8]) -> [UInt8] {
        bytes.replacing(Array("NAME".utf8), with: Array(name.utf8)).replacing(Array("IDENT".utf8), with: Array(identifier.utf8))
    }

    private func copy(_ source: String, to target: String, depth: Int, _ takes: (String) -> Bool) throws(Failure) {
        for entry in Self.entries(of: source) where takes(entry) {
            try place("\(source)/\(entry)", at: "\(target)/\(filled(entry))", depth) {
                (from, to) throws(Failure) in
                try copy(from, to: to, depth: depth + 1) { _ in true }
            } change: {
                filled($0)
            }
        }
    }

    /// Without what building and testing leave there.
    private func copyLibrary(_ source: String, to target: String, depth: Int) throws(Failure) {
        for entry in Self.entries(of: source) where !Self.isLeftOut(entry) {
            try place("\(source)/\(entry)", at: "\(target)/\(entry)", depth) {
                (from, to) throws(Failure) in
                try copyLibrary(from, to: to, depth: depth + 1)
            } change: {
                $0
            }
        }
    }

    private static func isLeftOut(_ name: String) -> Bool {
        ["__pycache__", "node_modules", "target", "build", "out", "bin", "obj", "test", "tests", "Tests", "spec"].contains(name)
            || name.hasPrefix(".") && name != ".gitignore"
            || [".o", ".a", ".so", ".class", ".jar", ".pyc", ".rlib", ".egg-info"].contains { name.hasSuffix($0) }
            || name.hasPrefix("test_") || name.hasSuffix("_test.go")
    }

    private func place(
        _ source: String, at target: String, _ depth: Int, folder: (String, String) throws(Failure) -> Void,
        change: ([UInt8]) -> [UInt8]
    ) throws(Failure) {
        guard depth < 16 else { throw Failure(description: "'\(source)': folders are nested too deep") }
        var status = stat()
        guard stat(source, &status) == 0 else { throw Self.failure(source) }
        if status.st_mode & S_IFMT == S_IFDIR {
            guard mkdir(target, 0o777) == 0 else { throw Self.failure(target) }
            return try folder(source, target)
        }
        try write(change(try read(source)), to: target, mode: status.st_mode & 0o777)
    }

    private func read(_ path: String) throws(Failure) -> [UInt8] {
        do { return try FileContents.read(path) } catch { throw Failure(description: "'\(path)': \(error)") }
    }

    private func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws(Failure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode | 0o600)
        guard file >= 0 else { throw Self.failure(path) }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Self.failure(path) }
            rest = rest.dropFirst(count)
        }
    }

    private static func failure(_ path: String) -> Failure {
        Failure(description: "'\(path)': \(String(cString: strerror(errno)))")
    }

    private static func entries(of folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
