import Glibc
import Testing

@testable import AddonHost

struct AddonSpecTests {
    /// A file of that suffix in a folder of its own.
    private func made(_ name: String, _ text: String, mode: mode_t) throws -> String {
        var folder = Array("/tmp/weir-spec-XXXXXX".utf8CString)
        try #require(mkdtemp(&folder) != nil)
        let path = String(decoding: folder.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) + "/" + name
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        chmod(path, mode)
        return path
    }

    private func remove(_ path: String) {
        unlink(path)
        rmdir(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
    }

    @Test(
        "a command is cut as a shell cuts it",
        arguments: [
            ("a b  c", ["a", "b", "c"]), (#"a 'b c' "d e""#, ["a", "b c", "d e"]), (#"a\ b c"#, ["a b", "c"]),
            (#"jq '{"a":1}' """#, ["jq", #"{"a":1}"#, ""]), (#""a\"b\n""#, [#"a"b\n"#]), (" ", []),
        ])
    func words(text: String, words: [String]) throws { #expect(try CommandWords.split(text) == words) }

    @Test("an open quote is refused", arguments: ["'a", "\"a", "a\\"])
    func openQuote(text: String) { #expect(throws: AddonFailure.self) { try CommandWords.split(text) } }

    @Test(
        "what cannot be an addon is refused in one sentence",
        arguments: [
            ("", "the path is empty"), ("/nowhere/x.py", "No such file or directory"), ("/tmp", "not a file"),
            ("exec:", "the command is missing"),
            ("unix:", "a path is missing"), ("/etc/passwd", "its suffix names no known language"),
        ])
    func refused(text: String, reason: String) {
        let failure = #expect(throws: AddonFailure.self) { try AddonSpec.parse(text) }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
    }

    @Test(
        "commands and sockets get a name",
        arguments: [
            (
                "exec:python3 -u dir/header.py x", "header",
                AddonSpec.Form.spawn(["python3", "-u", "dir/header.py", "x"], isStdio: false)
            ),
            ("stdio:jq -c .", "jq", .spawn(["jq", "-c", "."], isStdio: true)),
            ("unix:/run/a.b.sock", "a.b", .connect(path: "/run/a.b.sock")),
        ])
    func forms(text: String, name: String, form: AddonSpec.Form) throws {
        let spec = try AddonSpec.parse(text)
        #expect(spec.name == name && spec.form == form)
    }

    @Test(
        "a file that is not executable is run by what its suffix names, over stdio where the language takes no descriptor",
        arguments: [
            ("py", ["python3"], false), ("mjs", ["node"], false), ("rb", ["ruby"], false), ("sh", ["bash"], false),
            ("PHP", ["php"], false),
            ("pl", ["perl"], false), ("lua", ["lua"], true), ("jq", ["jq", "-c", "--unbuffered", "-f"], true),
        ])
    func suffixes(suffix: String, interpreter: [String], isStdio: Bool) throws {
        let path = try made("tag.\(suffix)", "# an addon", mode: 0o644)
        defer { remove(path) }
        let spec = try AddonSpec.parse(path)
        #expect(spec.name == "tag" && spec.file == path)
        #expect(spec.form == .spawn(interpreter + [path], isStdio: isStdio))
    }

    @Test("an executable one is run by its first line", arguments: [("py", false), ("jq", true)])
    func executable(suffix: String, isStdio: Bool) throws {
        let path = try made("own.\(suffix)", "#!/usr/bin/env -S any thing", mode: 0o755)
        defer { remove(path) }
        #expect(try AddonSpec.parse(path).form == .spawn([path], isStdio: isStdio))
    }
}
