/// An addon that is named by the words of a command line instead of one text.
extension AddonSpec {
    /// One word is what `--addon` takes. Several are a program and its arguments, the first perhaps with `exec:` or `stdio:` before it.
    public static func parse(words: [String]) throws(AddonFailure) -> AddonSpec {
        guard let first = words.first else {
            throw AddonFailure("the addon is missing: a path, exec:COMMAND, stdio:COMMAND or a program")
        }
        guard words.count > 1 else { return try parse(first) }
        for (prefix, isStdio) in [("exec:", false), ("stdio:", true)] where first.hasPrefix(prefix) {
            let program = String(first.dropFirst(prefix.count))
            return try spawning(
                (program.isEmpty ? [] : [program]) + words.dropFirst(), isStdio: isStdio, words.joined(separator: " "))
        }
        return try spawning(words, isStdio: false, words.joined(separator: " "))
    }
}
