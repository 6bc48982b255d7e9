extension Headers {
    /// Walks the members of a comma-separated list over all lines of that name, trimmed and without the empty ones, until the closure
    /// answers true for one, and says whether it did. The buffer is valid inside the closure only.
    ///
    /// Quoted strings are not understood, so this is for lists of tokens such as `Connection`.
    public func anyToken(in name: String, _ isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        name.withRawUTF8 { wanted in
            var from = 0
            while let index = nextIndex(of: wanted, from: from) {
                if withLine(at: index, { _, value in value.anyMember(isWanted) }) { return true }
                from = index + 1
            }
            return false
        }
    }

    /// The members of such a list in small letters.
    public func tokens(_ name: String) -> [String] {
        var found: [String] = []
        _ = anyToken(in: name) { member in
            found.append(String(decoding: member.map(\.asciiLowercased), as: UTF8.self))
            return false
        }
        return found
    }

    /// True when that list has that member, without regard to ASCII case.
    public func hasToken(_ token: String, in name: String) -> Bool {
        token.withRawUTF8 { wanted in anyToken(in: name) { $0.equalsIgnoringCase(wanted) } }
    }
}

extension UnsafeRawBufferPointer {
    /// Walks what stands between commas, trimmed and unless it is empty, until the closure answers true.
    fileprivate func anyMember(_ isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        var position = 0
        while position < count {
            var start = position
            while position < count, self[position] != UInt8(ascii: ",") { position += 1 }
            var end = position
            position += 1
            while start < end, self[start].isOptionalWhitespace { start += 1 }
            while end > start, self[end - 1].isOptionalWhitespace { end -= 1 }
            if start < end, isWanted(UnsafeRawBufferPointer(rebasing: self[start..<end])) { return true }
        }
        return false
    }
}
