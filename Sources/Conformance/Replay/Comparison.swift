import Schema

/// What a worker said against what it had said: recorded members have to be there with the same values, others may.
struct Comparison {
    /// Ids and times may differ.
    let isLoose: Bool

    struct Difference: Equatable {
        let path: String
        let expected: String
        let found: String
    }

    func differences(_ recorded: JSON, _ found: JSON, at path: String = "") -> [Difference] {
        switch (recorded, found) {
        case (.object(let recorded), .object(let found)):
            return recorded.members.flatMap { member -> [Difference] in
                guard !isLoose || !Self.isLoose(member.key) else { return [] }
                let place = path.isEmpty ? member.key : "\(path).\(member.key)"
                guard let value = found[member.key] else {
                    return [Difference(path: place, expected: Self.text(member.value), found: "nothing")]
                }
                return differences(member.value, value, at: place)
            }
        case (.array(let recorded), .array(let found)) where recorded.count == found.count:
            return zip(recorded, found).enumerated().flatMap { differences($1.0, $1.1, at: "\(path)[\($0)]") }
        default:
            // 1 and 1.0 are one number, in languages that have no integers.
            if let one = recorded.double, let other = found.double, one == other { return [] }
            return recorded == found ? [] : [Difference(path: path, expected: Self.text(recorded), found: Self.text(found))]
        }
    }

    private static func isLoose(_ name: String) -> Bool {
        name == "id" || name == "time" || name == "timeout_ms" || name.hasPrefix("timestamp")
    }

    private static func text(_ json: JSON) -> String {
        CaseFailure.shortened(String(decoding: json.encoded, as: UTF8.self))
    }
}
