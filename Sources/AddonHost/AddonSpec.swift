import Glibc
import Schema

/// What follows `-s` on the command line: where an addon's process comes from.
public struct AddonSpec: Sendable, Equatable {
    public enum Form: Sendable, Equatable {
        /// The core starts this command with the socket as fd 3, or as fd 0 and 1.
        case spawn([String], isStdio: Bool)
        /// An addon of mitmproxy, in this file: started as its settings say.
        case mitmproxy(path: String)
        /// The core connects to a socket on which the worker listens.
        case connect(path: String)
        /// A process of this user attaches itself.
        case attach(user: UInt32)
    }

    /// The name in the log; unique among the addons once the host has taken them.
    public var name: String
    public let form: Form
    /// The file that people know it by, if there is one.
    public let file: String?

    public init(name: String, form: Form, file: String? = nil) {
        self.name = name
        self.form = form
        self.file = file
    }

    /// Reads a path, `exec:COMMAND`, `stdio:COMMAND`, `unix:PATH` or `mitmproxy:PATH`. Looks at the file, and starts nothing; by the
    /// names of `hooks` it knows functions of an addon of mitmproxy.
    public static func parse(_ text: String, hooks: Set<String> = []) throws(AddonFailure) -> AddonSpec {
        if let path = text.dropping("mitmproxy:") {
            try checkFile(path)
            return AddonSpec(name: stem(path), form: .mitmproxy(path: path), file: path)
        }
        if let command = text.dropping("exec:") { return try spawning(command, isStdio: false, text) }
        if let command = text.dropping("stdio:") { return try spawning(command, isStdio: true, text) }
        if let path = text.dropping("unix:") {
            guard !path.isEmpty else { throw AddonFailure("addon '\(text)': a path is missing after unix:") }
            guard path.utf8.count < 108 else { throw AddonFailure("addon '\(text)': a socket's path has at most 107 bytes") }
            return AddonSpec(name: stem(path), form: .connect(path: path))
        }
        try checkFile(text)
        if suffix(text) == "py", MitmproxyAddon.isOne(text, hooks: hooks) {
            return AddonSpec(name: stem(text), form: .mitmproxy(path: text), file: text)
        }
        return AddonSpec(
            name: stem(text), form: .spawn(try command(of: text), isStdio: filters.contains(suffix(text))), file: text)
    }

    /// What `addons.NAME.run` says of an addon; nil if it is one of the `known` ones.
    public static func named(
        _ name: String, _ settings: Settings, known: [String], hooks: Set<String> = []
    ) throws(AddonFailure) -> AddonSpec? {
        let (run, user) = (settings[AddonEntryOptions.table.run], settings[AddonEntryOptions.table.user])
        guard !run.isEmpty else {
            if known.contains(name) { return nil }
            throw AddonFailure(
                "addon '\(name)': it has options and is not started: give it addons.\(name).run, or name it with --addon")
        }
        guard !known.contains(name) else {
            throw AddonFailure("addon '\(name)': it is started by --addon and by addons.\(name).run")
        }
        if run == "attach" {
            guard let user = UInt32(exactly: user) else {
                throw AddonFailure("addon '\(name)': expected the numeric user of those that attach in addons.\(name).user")
            }
            return AddonSpec(name: name, form: .attach(user: user))
        }
        let spec = try parse(run, hooks: hooks)
        return AddonSpec(name: name, form: spec.form, file: spec.file)
    }

    private static func spawning(_ command: String, isStdio: Bool, _ text: String) throws(AddonFailure) -> AddonSpec {
        let words: [String]
        do {
            words = try CommandWords.split(command)
        } catch {
            throw AddonFailure("addon '\(text)': \(error)")
        }
        return try spawning(words, isStdio: isStdio, text)
    }

    /// A program and its arguments; `text` is how they were given.
    static func spawning(_ words: [String], isStdio: Bool, _ text: String) throws(AddonFailure) -> AddonSpec {
        guard let program = words.first else { throw AddonFailure("addon '\(text)': the command is missing") }
        // Of `python3 script.py` the script is what people know it by.
        let script = words.dropFirst().first { interpreters[suffix($0)] != nil }
        let file = script ?? (program.contains("/") ? program : nil)
        return AddonSpec(name: stem(script ?? program), form: .spawn(words, isStdio: isStdio), file: file)
    }

    /// Interpreters of files that are not executable themselves, by suffix.
    private static let interpreters = [
        "py": ["python3"], "js": ["node"], "mjs": ["node"], "rb": ["ruby"], "sh": ["bash"], "php": ["php"], "pl": ["perl"],
        "lua": ["lua"], "jq": ["jq", "-c", "--unbuffered", "-f"],
    ]

    /// Suffixes of languages that cannot take a descriptor by its number, and so talk over standard input and output.
    private static let filters: Set = ["lua", "jq"]

    private static func checkFile(_ path: String) throws(AddonFailure) {
        var status = stat()
        guard !path.isEmpty, stat(path, &status) == 0 else {
            throw AddonFailure("addon '\(path)': \(path.isEmpty ? "the path is empty" : String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw AddonFailure("addon '\(path)': not a file") }
    }

    private static func command(of path: String) throws(AddonFailure) -> [String] {
        let direct = path.contains("/") ? path : "./" + path
        let isExecutable = access(path, X_OK) == 0
        if isExecutable, startsLikeProgram(path) { return [direct] }
        if let interpreter = interpreters[suffix(path)] { return interpreter + [direct] }
        throw AddonFailure(
            isExecutable
                ? "addon '\(path)': it starts with neither #! nor a program's header"
                : "addon '\(path)': not executable, and its suffix names no known language (chmod +x, or exec:COMMAND)")
    }

    private static func startsLikeProgram(_ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return true }
        defer { close(file) }
        var head = [UInt8](repeating: 0, count: 4)
        let count = read(file, &head, 4)
        return count >= 2 && (head.starts(with: [0x23, 0x21]) || head == [0x7F, 0x45, 0x4C, 0x46])
    }

    private static func stem(_ path: String) -> String {
        let file = path.split(separator: "/").last ?? "addon"
        guard let dot = file.lastIndex(of: "."), dot > file.startIndex else { return String(file) }
        return String(file[..<dot])
    }

    private static func suffix(_ path: String) -> String {
        let file = path.split(separator: "/").last ?? ""
        guard let dot = file.lastIndex(of: ".") else { return "" }
        return file[file.index(after: dot)...].lowercased()
    }
}

extension String {
    fileprivate func dropping(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}
