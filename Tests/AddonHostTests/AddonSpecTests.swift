import Testing

@testable import AddonHost

struct AddonSpecTests {
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
}
