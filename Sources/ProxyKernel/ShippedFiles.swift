import Glibc

/// What comes with the program and is no part of its file.
public enum ShippedFiles: String, CaseIterable, Sendable {
    /// Examples, libraries for addons in `LANGUAGE/sdk`, and what a new addon starts from in `LANGUAGE/new`.
    case addonExamples = "addon-examples"
    /// What runs mitmproxy's addons, in Python.
    case bridge = "bridge"

    /// The folder; nil where it was not installed. A program that runs in the tree where it was built takes it from there, another
    /// from the first `share/weir` beside one of the folders above it.
    public static func folder(_ files: ShippedFiles) -> String? {
        guard let own = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(own) }
        return folder(files, of: String(cString: own)) { access($0, F_OK) == 0 }
    }

    public static func folder(_ files: ShippedFiles, of program: String, exists: (String) -> Bool) -> String? {
        var place = program[...]
        var installed: String?
        while let slash = place.lastIndex(of: "/") {
            place = place[..<slash]
            let shared = "\(place)/share/weir/\(files.rawValue)"
            if installed == nil, exists(shared) { installed = shared }
            guard exists("\(place)/Package.swift"), exists("\(place)/Sources/weir") else { continue }
            let own = files == .bridge ? "\(place)/Sources/Bridge" : "\(place)/\(files.rawValue)"
            return exists(own) ? own : nil
        }
        return installed
    }
}
