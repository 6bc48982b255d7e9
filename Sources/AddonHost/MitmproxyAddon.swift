import Glibc
import ProxyKernel
import Schema

/// How a file that is written for mitmproxy is known, and what runs it.
enum MitmproxyAddon {
    /// Which package gives it the names that it imports.
    enum Package: String, CaseIterable {
        case auto, real, standin
    }

    /// Whether a Python file is one: it imports mitmproxy, has a list of addons or a function named like one of the `hooks`, and is no
    /// worker that speaks for itself.
    static func isOne(_ path: String, hooks: Set<String>) -> Bool {
        guard let text = PythonImports.text(of: path), !text.contains("WEIR_ADDON_") else { return false }
        let lines = text.split(whereSeparator: \.isNewline)
        guard !lines.contains(where: { imports($0, "weir") }) else { return false }
        var isRegistered = false
        for line in lines {
            if imports(line, "mitmproxy") || assigns(line, "addons") { return true }
            // A decorator is how the libraries for workers register a function.
            if let name = function(line), hooks.contains(name), !isRegistered { return true }
            isRegistered = line.first == "@"
        }
        return false
    }

    /// The command that runs the file as a worker. Throws where what runs it was not installed, and where there is no such Python.
    static func command(for path: String, _ settings: Settings) throws(AddonFailure) -> [String] {
        guard let folder = ShippedFiles.folder(.bridge) else {
            throw AddonFailure(
                "addon '\(path)': what runs addons of mitmproxy is not installed: expected the folder share/weir/bridge beside the program's"
            )
        }
        let python = settings[AddonOptions.table.python]
        guard let interpreter = PythonInterpreter.path(of: python) else {
            throw AddonFailure("addon '\(path)': the program of addon_python, '\(python)', was not found")
        }
        let package = settings[AddonOptions.table.mitmproxy]
        // Files that Python compiles would be written beside the addon.
        return [interpreter, "-B", "\(folder)/weir_bridge", package, path]
    }

    private static func imports(_ line: Substring, _ module: String) -> Bool {
        for word in ["import ", "from "] where line.hasPrefix(word) {
            let rest = line.dropFirst(word.count).drop { $0 == " " }
            if rest.hasPrefix(module), !isWord(rest.dropFirst(module.count).first) { return true }
        }
        return false
    }

    private static func assigns(_ line: Substring, _ name: String) -> Bool {
        guard line.hasPrefix(name) else { return false }
        let rest = line.dropFirst(name.count).drop { $0 == " " }
        return (rest.first == "=" && !rest.hasPrefix("==")) || rest.first == ":"
    }

    private static func function(_ line: Substring) -> String? {
        for word in ["def ", "async def "] where line.hasPrefix(word) {
            return String(line.dropFirst(word.count).prefix { isWord($0) })
        }
        return nil
    }

    private static func isWord(_ character: Character?) -> Bool {
        character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
    }
}
