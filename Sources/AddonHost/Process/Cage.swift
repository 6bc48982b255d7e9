import Glibc
import ProxyKernel
import Schema

/// How the command of an addon that is not trusted is started: by `weir-cage`, which takes rights away before the command runs.
struct Cage: Sendable {
    /// The launcher and its options, up to those of one start.
    private let launcher: [String]
    /// Names of variables that are passed on; one that ends in `*` is the beginning of names.
    private let variables: [String]

    private static let name = "weir-cage"
    private static let standardVariables = ["PATH", "LANG", "LANGUAGE", "LC_*", "TZ"]

    /// Nil for a trusted addon. Throws where the launcher cannot be found.
    init?(_ addon: Addon) throws(AddonFailure) {
        let (settings, options) = (addon.settings, AddonOptions.table)
        guard addon.bounds.level != .trusted, case .spawn(let command, _) = addon.form else { return nil }
        var words = [try Self.path(for: addon), "--level", addon.bounds.level.rawValue, "--back-end", settings[options.sandbox]]
        if let file = addon.file { words += ["--read", Self.readable(file, addon.bounds.level, settings)] }
        // A file that the operator names in the command is the addon's to read.
        for word in command.dropFirst() where word != addon.file && Self.isFile(word) { words += ["--read", word] }
        for folder in PythonInterpreter.folders(of: command.first ?? "") { words += ["--read", folder] }
        // The libraries that it may use, and nothing else of ours.
        for folder in ShippedFiles.allCases.compactMap(ShippedFiles.folder) { words += ["--read", folder] }
        for path in settings[options.readable] { words += ["--read", HomePath.expanded(path)] }
        if addon.bounds.level == .confined {
            for path in settings[options.writable] { words += ["--write", HomePath.expanded(path)] }
            if settings[options.network] { words.append("--network") }
        }
        let limits = [
            ("--memory", settings[options.memory].bytes), ("--processes", settings[options.processes]),
            ("--files", settings[options.files]), ("--file-size", settings[options.fileSize].bytes),
        ]
        for (name, value) in limits where value > 0 { words += [name, "\(value)"] }
        launcher = words
        variables = Self.standardVariables + settings[options.environment]
    }

    /// The command within the cage, which writes what it got to the descriptor of that number.
    func command(_ command: [String], report: CInt) -> [String] { launcher + ["--report", "\(report)", "--"] + command }

    /// Whether a variable of our environment goes to the addon.
    func passes(_ variable: String) -> Bool {
        variables.contains { $0.hasSuffix("*") ? variable.hasPrefix($0.dropLast()) : variable == $0 }
    }

    /// The addon's own folder; the file alone for an untrusted one, and where the folder is everybody's or has our secrets in it.
    private static func readable(_ file: String, _ level: AddonLevel, _ settings: Settings) -> String {
        guard level == .confined, let path = realpath(file, nil) else { return file }
        defer { free(path) }
        let whole = String(cString: path)
        guard let slash = whole.lastIndex(of: "/"), slash > whole.startIndex else { return file }
        let folder = String(whole[..<slash])
        let secrets = [
            HomePath.expanded(settings[ProxyOptions.table.confdir]), HomePath.expanded("~"), "/tmp", "/var/tmp", "/etc",
        ]
        let holdsSecrets = secrets.contains { secret in
            let real = realpath(secret, nil)
            defer { free(real) }
            let place = real.map { String(cString: $0) } ?? secret
            return place == folder || place.hasPrefix(folder + "/")
        }
        return holdsSecrets ? file : folder
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return !path.hasPrefix("-") && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Beside our own program, or where packages put it.
    private static func path(for addon: Addon) throws(AddonFailure) -> String {
        var places: [String] = []
        if let own = realpath("/proc/self/exe", nil) {
            defer { free(own) }
            let program = String(cString: own)
            if let slash = program.lastIndex(of: "/") { places.append("\(program[..<slash])/\(name)") }
        }
        places.append("/usr/libexec/weir/\(name)")
        guard let place = places.first(where: { access($0, X_OK) == 0 }) else {
            throw AddonFailure(
                "addon '\(addon.name)': level '\(addon.bounds.level.rawValue)' needs \(name), expected at \(places.joined(separator: " or "))"
            )
        }
        return place
    }
}
