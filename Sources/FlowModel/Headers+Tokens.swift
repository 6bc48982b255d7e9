import Glibc

extension Headers {
    /// Walks the members of a comma-separated list over all lines of that name, trimmed and without the empty ones, until the closure
    /// answers true for one, and says whether it did. The buffer is valid inside the closure only.
    ///
    /// Quoted strings are not understood, so this is for lists of tokens such as `Connection`.
    @inline(__always)
    public func anyToken(in name: StaticString, _ isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard let first = index(of: name) else { return false }
        return anyToken(in: name.octets, from: first, isWanted)
    }

    private func anyToken(in name: UnsafeRawBufferPointer, from first: Int, _ isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool
    {
        var next: Int? = first
        while let index = next {
            if withLine(at: index, { _, value in value.anyMember(isWanted) }) { return true }
            next = position(of: name, from: index + 1)
        }
        return false
    }

    /// The members of such a list in small letters.
    public func tokens(_ name: StaticString) -> [String] {
        var found: [String] = []
        _ = anyToken(in: name) { member in
            found.append(String(decoding: member.map(\.asciiLowercased), as: UTF8.self))
            return false
        }
        return found
    }

    /// True when that list has that member, without regard to ASCII case.
    @inline(__always)
    public func hasToken(_ token: StaticString, in name: StaticString) -> Bool {
        anyToken(in: name) { $0.equalsIgnoringCase(token) }
    }
}

extension UnsafeRawBufferPointer {
    /// Walks what stands between commas, trimmed and unless it is empty, until the closure answers true.
    fileprivate func anyMember(_ isWanted: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard let base = baseAddress else { return false }
        var position = 0
        while position < count {
            var start = position
            let comma = memchr(base + position, Int32(UInt8(ascii: ",")), count - position)
            var end = comma.map { UnsafeRawPointer($0) - base } ?? count
            position = end + 1
            while start < end, self[start].isOptionalWhitespace { start += 1 }
            while end > start, self[end - 1].isOptionalWhitespace { end -= 1 }
            if start < end, isWanted(UnsafeRawBufferPointer(rebasing: self[start..<end])) { return true }
        }
        return false
    }
}
