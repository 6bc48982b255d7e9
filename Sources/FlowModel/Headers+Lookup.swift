/// Lines by their names. A name that stands in the source is a bit of `names` that the compiler knows, so that to ask in vain, as most
/// questions of a proxy are, is one test; names that are known at run time only are asked for as `named`.
extension Headers {
    /// True when at least one line has that name.
    @inline(__always)
    public func contains(_ name: StaticString) -> Bool { index(of: name) != nil }

    /// The index of the first line of that name at or behind `start`; to be asked again with the index after, for the next one.
    @inline(__always)
    public func index(of name: StaticString, from start: Int = 0) -> Int? {
        guard mayContain(NameSet(name.octets)) else { return nil }
        return position(of: name.octets, from: start)
    }

    /// The same for a name that is not in the source.
    public func index(named name: String, from start: Int = 0) -> Int? {
        name.withRawUTF8 { mayContain(NameSet($0)) ? position(of: $0, from: start) : nil }
    }

    /// The value of the first line of that name.
    @inline(__always)
    public func first(_ name: StaticString) -> ByteString? { index(of: name).map(value(at:)) }

    public func first(named name: String) -> ByteString? { index(named: name).map(value(at:)) }

    /// The values of all lines of that name, in order.
    public func values(_ name: StaticString) -> [ByteString] { values(name.octets) }

    public func values(named name: String) -> [ByteString] { name.withRawUTF8(values) }

    private func values(_ name: UnsafeRawBufferPointer) -> [ByteString] {
        guard mayContain(NameSet(name)) else { return [] }
        var found: [ByteString] = []
        var from = 0
        while let index = position(of: name, from: from) {
            found.append(value(at: index))
            from = index + 1
        }
        return found
    }

    /// Gives the name exactly one line: the first keeps its place and its name's case, further ones go; without one, it is added.
    public mutating func set(_ name: StaticString, _ value: ByteString) { set(name.octets, value) }

    public mutating func set(named name: String, _ value: ByteString) { name.withRawUTF8 { set($0, value) } }

    private mutating func set(_ name: UnsafeRawBufferPointer, _ value: ByteString) {
        guard mayContain(NameSet(name)), let index = position(of: name, from: 0) else {
            return value.bytes.withUnsafeBytes { append(name: name, value: $0) }
        }
        replaceValue(at: index, with: value)
        if let second = position(of: name, from: index + 1) { remove(name, from: second) }
    }

    /// Removes all lines of that name.
    @inline(__always)
    public mutating func remove(_ name: StaticString) {
        if let first = index(of: name) { remove(name.octets, from: first) }
    }

    public mutating func remove(named name: String) {
        name.withRawUTF8 { name in
            if mayContain(NameSet(name)), let first = position(of: name, from: 0) { remove(name, from: first) }
        }
    }
}
