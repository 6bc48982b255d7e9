import FlowModel

extension Request {
    /// The URL with the host and port that the `Host` field names, which in transparent mode is more than an address.
    ///
    /// A `Host` without a port means the scheme's own. Of `CONNECT` it is the authority.
    var hostURL: String {
        if method == "CONNECT" { return authority.isEmpty ? url : authority.text }
        guard let field = headers.first("Host")?.text, !field.isEmpty else { return url }
        let tail = field.lastIndex(of: "]").map { field[$0...] } ?? field[...]
        let named = tail.firstIndex(of: ":").flatMap { Int(field[field.index(after: $0)...]) }
        var request = self
        request.host = prettyHost
        request.port = named.flatMap { (1...65535).contains($0) ? $0 : nil } ?? (scheme == "https" ? 443 : 80)
        return request.url
    }
}
