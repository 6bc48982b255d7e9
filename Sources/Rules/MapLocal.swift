import FlowModel
import HTTPExchange
import Logging
import ProxyKernel
import Schema

/// `map_local`: answers requests with files, without the server.
///
/// Each value that matches is asked in turn for its file; if some matched and none has one, the answer is 404.
struct MapLocal: Rule {
    static let grammar = "[/filter]/pattern/path"

    struct Row {
        let filter: Filter?
        let regex: RegularExpression
        /// Absolute, without symbolic links.
        let path: String

        init(_ text: String) throws(BadValue) {
            let segments = try Segments(text)
            filter = segments.filter
            regex = try Segments.regex(Array(segments.subject.utf8))
            guard let path = LocalFile.resolved(LocalFile.expanded(segments.replacement)) else {
                throw BadValue("there is no file or folder '\(segments.replacement)'")
            }
            self.path = path
        }

        /// The paths that may be meant, best first; nil if the pattern does not match. Empty if what the URL says leads out of the folder.
        func candidates(for url: String) -> [String]? {
            guard let suffix = suffix(of: url) else { return nil }
            if LocalFile.isFile(path) { return [path] }
            guard !suffix.isEmpty else { return ["\(path)/index.html"] }
            let plain = Percent.decoded(suffix)
            let tame = String(String.UnicodeScalarView(plain.unicodeScalars.map { Self.isTame($0) ? $0 : "_" }))
            var names = [plain, "\(plain)/index.html"]
            if tame != plain { names += [tame, "\(tame)/index.html"] }
            let joined = names.map { LocalFile.joined(path, $0) }
            return joined.contains(nil) ? [] : joined.compactMap { $0 }
        }

        /// The first group, or what follows the match: without query, without outer slashes.
        private func suffix(of url: String) -> String? {
            var found: [UInt8]?
            let octets = Array(url.utf8)
            _ = octets.withUnsafeBytes { bytes in
                regex.eachMatch(in: bytes) { groups in
                    if groups.count > 1 {
                        found = groups[1].map { Array(octets[$0]) } ?? []
                    } else {
                        found = groups[0].map { Array(octets[$0.upperBound...].prefix { $0 != UInt8(ascii: "?") }) }
                        while found?.first == UInt8(ascii: "/") { found?.removeFirst() }
                        while found?.last == UInt8(ascii: "/") { found?.removeLast() }
                    }
                    return false
                }
            }
            return found.map { String(decoding: $0, as: UTF8.self) }
        }

        private static func isTame(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "0"..."9", "a"..."z", "A"..."Z", "-", "_", ".", "=", "(", ")", ",", "/": true
            default: false
            }
        }
    }

    let moments: [Moment] = [.request]
    private let rows: [Row]
    private let logger: Logger

    var filters: [Filter] { rows.compactMap(\.filter) }

    init?(_ settings: Settings, _ logger: Logger) throws(OptionFailure) {
        rows = try RuleOptions.table.mapLocal.rows(settings, expected: Self.grammar) { (text) throws(BadValue) in try Row(text) }
        self.logger = logger
        if rows.isEmpty { return nil }
    }

    func apply(to flow: inout HTTPFlow, at _: Moment) {
        guard flow.response == nil else { return }
        let url = flow.request.prettyURL
        var missing: [String]?
        for row in rows where row.filter?.matches(flow) ?? true {
            guard let candidates = row.candidates(for: url) else { continue }
            missing = (missing ?? []) + candidates
            guard let file = candidates.first(where: LocalFile.isFile) else { continue }
            do throws(BadValue) {
                let type = MediaType.of(file).map { [("Content-Type", $0)] } ?? []
                flow.response = .made(200, type, try LocalFile.read(file))
                return
            } catch {
                logger.warning("option map_local: \(error.why)")
            }
        }
        guard let missing else { return }
        logger.info("option map_local: \(url): none of these is a file: \(missing.joined(separator: ", "))")
        flow.response = .made(404)
    }
}
