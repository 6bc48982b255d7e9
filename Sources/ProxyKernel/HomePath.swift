import Glibc

/// Paths as people write them.
public enum HomePath {
    /// The path with the home folder in the place of a leading `~`.
    public static func expanded(_ path: String) -> String {
        guard path == "~" || path.hasPrefix("~/") else { return path }
        if let home = getenv("HOME") { return String(cString: home) + path.dropFirst() }
        guard let entry = getpwuid(getuid()), let home = entry.pointee.pw_dir else { return path }
        return String(cString: home) + path.dropFirst()
    }
}
