extension Headers {
    /// The members of a comma-separated list over all lines of that name: small letters, trimmed, empty members left out.
    ///
    /// Quoted strings are not understood, so this is for lists of tokens such as `Connection`.
    package func tokens(_ name: String) -> [String] {
        var found: [String] = []
        name.withRawUTF8 { wanted in
            var from = 0
            while let index = nextIndex(of: wanted, from: from) {
                for member in block[lines[index].value].split(separator: UInt8(ascii: ",")) {
                    guard let start = member.firstIndex(where: { !$0.isOptionalWhitespace }),
                        let end = member.lastIndex(where: { !$0.isOptionalWhitespace })
                    else { continue }
                    found.append(String(decoding: member[start...end].map(\.asciiLowercased), as: UTF8.self))
                }
                from = index + 1
            }
        }
        return found
    }

    /// True when that list has that member, without regard to ASCII case; the same as asking `tokens`, without making strings.
    package func hasToken(_ token: String, in name: String) -> Bool {
        guard !token.isEmpty else { return false }
        var from = 0
        while let index = index(of: name, from: from) {
            let isMember = withLine(at: index) { _, value in
                token.withRawUTF8 { wanted in
                    value.split(separator: UInt8(ascii: ",")).contains { member in
                        var member = member
                        while let first = member.first, first.isOptionalWhitespace { member = member.dropFirst() }
                        while let last = member.last, last.isOptionalWhitespace { member = member.dropLast() }
                        return UnsafeRawBufferPointer(rebasing: member).equalsIgnoringCase(wanted)
                    }
                }
            }
            if isMember { return true }
            from = index + 1
        }
        return false
    }
}
