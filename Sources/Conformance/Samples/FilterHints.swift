import FlowModel

/// Guesses traits that a filter may ask for from the words behind its operators, for filters that none of the plain samples fits.
enum FilterHints {
    static func traits(of filter: String) -> [SampleTraits] {
        var words = filter.split { " ()&|!\n\t".contains($0) }.map(String.init)[...]
        var all = SampleTraits()
        while let word = words.popFirst() {
            guard word.hasPrefix("~"), let value = words.first.map(literal), !value.isEmpty else { continue }
            switch word {
            case "~d": all.host = value
            case "~m": all.method = ByteString(value.uppercased())
            case "~u": all.path = ByteString("/" + value.drop { $0 == "/" })
            case "~t", "~ts":
                all.type = ByteString(value)
            case "~tq": all.requestType = ByteString(value)
            case "~b", "~bq", "~bs":
                all.body = ByteString(value)
                all.requestBody = ByteString(value)
            case "~c": all.status = Int(value) ?? 200
            case "~h", "~hq", "~hs": all.value = ByteString(value)
            default: break
            }
        }
        let withBody = all.with { if $0.requestBody.bytes.isEmpty { $0.requestBody = "a=1" } }
        return [all, withBody]
    }

    /// What the simplest text that a pattern matches may be.
    private static func literal(_ pattern: String) -> String {
        let first = pattern.split(separator: "|").first.map(String.init) ?? pattern
        return String(first.filter { !#"^$\*+?"'"#.contains($0) })
    }
}
