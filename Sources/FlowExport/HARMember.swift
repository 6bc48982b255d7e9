import Schema

/// A value in an entry, with its path for refusals. What is absent and what is null are the same: exporters use both.
struct HARMember {
    let json: JSON
    let path: String

    /// The member of that name; nil if it is absent, null, or this is no object.
    subscript(_ name: String) -> HARMember? {
        guard let value = json[name], value != .null else { return nil }
        return HARMember(json: value, path: "\(path).\(name)")
    }

    func required(_ name: String) throws(HARFailure) -> HARMember {
        guard let member = self[name] else { throw HARFailure("\(path).\(name): it is missing") }
        return member
    }

    func string() throws(HARFailure) -> String {
        guard let value = json.string else { throw expected("a string") }
        return value
    }

    /// A number; some exporters write it as text.
    func number() throws(HARFailure) -> Double {
        guard let value = json.double ?? json.string.flatMap({ Double($0) }), value.isFinite else { throw expected("a number") }
        return value
    }

    func elements() throws(HARFailure) -> [HARMember] {
        guard let values = json.array else { throw expected("an array") }
        return values.enumerated().map { HARMember(json: $0.element, path: "\(path)[\($0.offset)]") }
    }

    func expected(_ what: String) -> HARFailure { HARFailure("\(path): expected \(what), found \(json.kind)") }
}
