/// A content coding that Weir can apply and undo (RFC 9110, section 8.4.1; br RFC 7932; zstd RFC 8878 and 9659).
public enum ContentCoding: String, Sendable, CaseIterable {
    case gzip, deflate
    case brotli = "br"
    case zstd, identity

    /// The most codings one body may be stacked in, `identity` not counted; each costs buffers and a window.
    public static let maximumStack = 5

    /// The coding with this token, in either case; `x-gzip` is `gzip`.
    public init?(token: some StringProtocol) {
        let token = token.lowercased()
        if let coding = Self(rawValue: token) {
            self = coding
        } else if token == "x-gzip" {
            self = .gzip
        } else {
            return nil
        }
    }

    /// The token of `Content-Encoding`.
    public var token: String { rawValue }

    /// Reads the value of `Content-Encoding`, several fields joined with commas: the codings in the order they were applied.
    ///
    /// Empty elements and `identity` are left out, so an empty list means a body as it is. Fails with `.unknown` or `.tooMany`.
    public static func stack(_ value: some StringProtocol) throws(CodingFailure) -> [ContentCoding] {
        var codings: [ContentCoding] = []
        for element in value.split(separator: ",") {
            let token = element.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
            let rest = element[token.endIndex...]
            guard !token.isEmpty else { continue }
            guard rest.allSatisfy({ $0 == " " || $0 == "\t" }), let coding = ContentCoding(token: token) else {
                throw .unknown(token: String(element))
            }
            guard coding != .identity else { continue }
            guard codings.count < maximumStack else { throw .tooMany(limit: maximumStack) }
            codings.append(coding)
        }
        return codings
    }
}
