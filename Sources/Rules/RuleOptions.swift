import Schema

/// The settings of the rules: names and grammars are mitmproxy's.
public struct RuleOptions: OptionTable {
    public let blockList = Option<[String]>(
        "block_list", [],
        "Answers matching requests without the server, `\(BlockList.grammar)`; 444 closes the connection without an answer. The first character, here `/`, separates."
    )
    public let antiCache = Option<Bool>(
        "anticache", false, "Takes out the request's fields that let a server answer 304: If-Modified-Since and If-None-Match.")
    public let antiComp = Option<Bool>("anticomp", false, "Asks servers for bodies without content codings.")
    public let proxyAuth = Option<String?>(
        "proxyauth", nil, isSecret: true, "Asks clients for a name and a password, \(ProxyAuth.grammar).")

    public let serverReplay = Option<[String]>(
        "server_replay", [], "Files of flows: requests like theirs get the responses in them, not the server's.")
    public let replayExtra = Option<String>(
        "server_replay_extra", "forward", choices: ["forward", "kill", "204", "400", "404", "500"],
        "What happens to requests that no flow left in `server_replay` is like: sent on, ended, or answered with that status.")
    public let replayReuse = Option<Bool>(
        "server_replay_reuse", false, "Give a recorded response any number of times, not once.")
    public let replayRefresh = Option<Bool>(
        "server_replay_refresh", true,
        "Move Date, Expires, Last-Modified and the expiry of cookies by the time since the response was recorded.")
    public let replayUseHeaders = Option<[String]>(
        "server_replay_use_headers", [], "Fields in which a request must be like the recorded one.")
    public let replayIgnoreContent = Option<Bool>(
        "server_replay_ignore_content", false, "Do not compare bodies of requests.")
    public let replayIgnoreParams = Option<[String]>(
        "server_replay_ignore_params", [], "Parameters of the query that are not compared.")
    public let replayIgnorePayloadParams = Option<[String]>(
        "server_replay_ignore_payload_params", [],
        "Parameters of bodies that are not compared: application/x-www-form-urlencoded and multipart/form-data.")
    public let replayIgnoreHost = Option<Bool>("server_replay_ignore_host", false, "Do not compare hosts.")
    public let replayIgnorePort = Option<Bool>("server_replay_ignore_port", false, "Do not compare ports.")

    public let mapRemote = Option<[String]>(
        "map_remote", [],
        "Sends requests elsewhere, `\(MapRemote.grammar)`: what the pattern matches of the URL is replaced, with `\\1` and `\\g<name>` for groups."
    )
    public let mapLocal = Option<[String]>(
        "map_local", [],
        "Answers with files, `\(MapLocal.grammar)`: a file, or a folder in which the first group of the pattern or what follows its match names one. None there means 404."
    )
    public let modifyBody = Option<[String]>(
        "modify_body", [],
        "Replaces what a pattern matches in bodies, without their content codings, `\(ModifyBody.grammar)`. `@` reads the replacement from a file."
    )
    public let modifyHeaders = Option<[String]>(
        "modify_headers", [],
        "Sets fields of requests and responses, `\(ModifyHeaders.grammar)`: lines of that name are removed and, if the value is not empty, one is added. `@` reads the value from a file."
    )
    public let stickyAuth = Option<String?>(
        "stickyauth", nil, "Filter: requests that match and have no Authorization get the last one that was sent to their host.")
    public let stickyCookie = Option<String?>(
        "stickycookie", nil, "Filter: requests that match get the cookies that were set before, by whichever client's requests.")
    public let upstreamAuth = Option<String?>(
        "upstream_auth", nil, isSecret: true,
        "Credentials, \(UpstreamAuth.grammar): for the upstream proxy, or for the server of a reverse proxy.")

    public init() {}
    public static let table = RuleOptions()
}

/// Why one value of a rule's option cannot be used: a phrase for people.
struct BadValue: Error, Equatable {
    let why: String
    init(_ why: String) { self.why = why }
}

extension OptionFailure {
    /// The one line that is shown at the start.
    init(_ option: any AnyOption, expected grammar: String, found value: String, _ bad: BadValue) {
        self.init("option \(option.name): expected \(grammar), found '\(value)': \(bad.why)")
    }
}

extension Option where Value == [String] {
    /// Reads each of the values that are set.
    func rows<Row>(
        _ settings: Settings, expected grammar: String, _ read: (String) throws(BadValue) -> Row
    ) throws(OptionFailure) -> [Row] {
        var rows: [Row] = []
        for text in settings[self] {
            do throws(BadValue) {
                rows.append(try read(text))
            } catch {
                throw OptionFailure(self, expected: grammar, found: text, error)
            }
        }
        return rows
    }
}

extension Option where Value == String? {
    /// Reads the value if one is set.
    func read<Row>(
        _ settings: Settings, expected grammar: String, _ read: (String) throws(BadValue) -> Row
    ) throws(OptionFailure) -> Row? {
        guard let text = settings[self] else { return nil }
        do throws(BadValue) {
            return try read(text)
        } catch {
            throw OptionFailure(self, expected: grammar, found: text, error)
        }
    }
}
