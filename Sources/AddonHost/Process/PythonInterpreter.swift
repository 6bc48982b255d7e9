import Glibc
import ProxyKernel

/// A Python as an addon's command names it: where it is, and what belongs to it.
enum PythonInterpreter {
    /// The program; of a bare name the first in PATH that is no script, since what version managers put there runs in no cage.
    static func path(of name: String) -> String? {
        guard !name.contains("/") else {
            let path = HomePath.expanded(name)
            return access(path, X_OK) == 0 ? path : nil
        }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 && !isScript($0) }
    }

    /// The folders that it reads besides the system's: its virtual environment, and the installation that this is made from.
    static func folders(of program: String) -> [String] {
        guard let name = program.split(separator: "/").last, name.hasPrefix("python") || name.hasPrefix("pypy"),
            let path = path(of: program)
        else { return [] }
        var folders: [String] = []
        if let environment = parent(parent(path)), access("\(environment)/pyvenv.cfg", R_OK) == 0 { folders.append(environment) }
        if let real = realpath(path, nil) {
            defer { free(real) }
            if let prefix = parent(parent(String(cString: real))), isInstallation(prefix) { folders.append(prefix) }
        }
        return folders
    }

    /// Whether a folder is Python's own: none that the system or a home is in.
    private static func isInstallation(_ folder: String) -> Bool {
        guard !["", "/", "/usr", "/usr/local", HomePath.expanded("~")].contains(folder) else { return false }
        return access("\(folder)/lib", F_OK) == 0 && access("\(folder)/bin", F_OK) == 0
    }

    private static func parent(_ path: String?) -> String? {
        guard let path, let slash = path.lastIndex(of: "/") else { return nil }
        return String(path[..<slash])
    }

    private static func isScript(_ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        var head = [UInt8](repeating: 0, count: 2)
        return read(file, &head, 2) == 2 && head == [0x23, 0x21]
    }
}
