import FlowModel
import ProxyKernel
import Schema
import Testing

@testable import Rules

/// What mitmproxy 11.0.2's own parsers accept and refuse.
@Suite struct GrammarTests {
    private func isAccepted(_ option: any AnyOption, _ text: String) -> Bool {
        do {
            _ = try RuleChain(settings((option, text)), logger: quiet)
            return true
        } catch {
            let description = "\(error)"
            #expect(description.hasPrefix("option \(option.name): expected ") && description.contains("found '\(text)'"))
            return false
        }
    }

    @Test(
        "values of modify_body",
        arguments: [
            ("/a/b", true), ("/~q/a/b", true), ("|~u x|a|b/c", true), ("/a/b/c/d", true), ("/a", false), ("", false),
            ("/", false),
            ("/(/b", false), ("/~nope/a/b", false), (#"/\x41/b"#, true), ("/[a/b", false), (#"/a/\x4"#, false),
            ("/a/@/nonexistent", true), ("|a|@/nonexistent", false), ("|a|@/etc/hostname", true),
        ])
    func modifyBody(text: String, isGood: Bool) { #expect(isAccepted(options.modifyBody, text) == isGood) }

    @Test(
        "values of modify_headers",
        arguments: [
            ("/X-A/b", true), ("/~q/X-A/", true), ("|X-A|@/nonexistent", false), ("/bad name/b", false), (#"/X-A/a\nb"#, false),
            ("/X-A", false),
        ])
    func modifyHeaders(text: String, isGood: Bool) { #expect(isAccepted(options.modifyHeaders, text) == isGood) }

    @Test(
        "values of map_remote",
        arguments: [("/a/b", true), ("/(/b", false), ("//", true), (#"/~q/(?P<n>x)/\g<n>"#, true), (#"/a/\1"#, false)])
    func mapRemote(text: String, isGood: Bool) { #expect(isAccepted(options.mapRemote, text) == isGood) }

    @Test(
        "values of map_local",
        arguments: [
            ("|a|/etc", true), ("|a|/etc/hostname", true), ("|a|/nonexistent", false), ("|(|/etc", false), ("|/etc", false),
        ])
    func mapLocal(text: String, isGood: Bool) { #expect(isAccepted(options.mapLocal, text) == isGood) }

    @Test(
        "values of block_list",
        arguments: [
            ("/~u x/404", true), ("/~u x/444", true), ("/~u x/99", false), ("/~u x/abc", false), ("/~u x", false),
            ("/~u x/404/", false), ("//404", false), (":~u x:200", true), ("/~u x/ 404 ", true), ("/~u x/418", true),
            ("/~u x/299", false),
        ])
    func blockList(text: String, isGood: Bool) { #expect(isAccepted(options.blockList, text) == isGood) }

    @Test(
        "values of proxyauth and upstream_auth",
        arguments: [
            ("any", true, false), ("name:word", true, true), ("name", false, false), ("@/nonexistent", false, false),
            ("ldap:server:dn:word:tree", false, true), (":word", true, false), ("a:", true, true),
        ])
    func auth(text: String, isProxyAuth: Bool, isUpstreamAuth: Bool) {
        #expect(isAccepted(options.proxyAuth, text) == isProxyAuth)
        #expect(isAccepted(options.upstreamAuth, text) == isUpstreamAuth)
    }

    @Test("sticky rules take a filter", arguments: [("~u x", true), (".", true), ("~nope", false)])
    func sticky(text: String, isGood: Bool) {
        #expect(isAccepted(options.stickyCookie, text) == isGood)
        #expect(isAccepted(options.stickyAuth, text) == isGood)
    }

    @Test("a refusal names the option, the value and the character")
    func refusal() throws {
        #expect(
            throws: OptionFailure(
                "option map_remote: expected [/filter]/pattern/replacement, found '/ab(/c': 'ab(': bad regular expression: missing closing parenthesis (at character 4)"
            )
        ) {
            try RuleChain(settings((options.mapRemote, "/ab(/c")), logger: quiet)
        }
    }

    @Test("without rules there is no port of their own")
    func none() throws {
        #expect(try RuleChain(Settings(), logger: quiet).steps(at: Moment.request.hook) == nil)
    }
}
