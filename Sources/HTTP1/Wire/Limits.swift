/// How large the parts of a message may be before it is refused; all in octets unless the name says otherwise.
///
/// Bodies have no limit here: they are passed on as they arrive, and whoever collects them bounds them.
public struct Limits: Hashable, Sendable {
    /// A request line without its CRLF; longer ones are answered with 414. A status line counts as a field line.
    public var requestLine = 16 * 1024
    /// One field line without its CRLF; longer ones are answered with 431.
    public var fieldLine = 64 * 1024
    /// Start line, field lines and the empty line together, CRLFs included.
    public var head = 256 * 1024
    /// The number of field lines of a head, and again of a trailer section.
    public var fields = 500
    /// The extension of one chunk, from its semicolon up to the CRLF.
    public var chunkExtension = 4 * 1024
    /// A trailer section with its empty line, CRLFs included.
    public var trailers = 64 * 1024
    /// The number of empty lines skipped before a request line, which RFC 9112 2.2 asks for because of old clients.
    public var emptyLines = 4

    /// The defaults: well above what browsers and servers send, well below what would hurt.
    public init() {}
}
