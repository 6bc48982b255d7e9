/// A text that was read, with the places of its values, of which each is made when it is asked for. An answer of a worker is looked at in
/// few places, and a tree of it would be a block of memory for each.
struct JSONDocument: @unchecked Sendable {
    private struct Sizes {
        /// Tokens, behind which the text stands.
        let tokens: Int
        /// Bytes.
        let text: Int
    }

    // Unchecked, because nothing of it changes.
    private let block: ManagedBuffer<Sizes, JSONTokens.Token>

    /// A copy of what was read.
    init(_ text: UnsafeRawBufferPointer, _ tokens: UnsafeBufferPointer<JSONTokens.Token>) {
        let size = MemoryLayout<JSONTokens.Token>.stride
        let sizes = Sizes(tokens: tokens.count, text: text.count)
        block = .create(minimumCapacity: tokens.count + (text.count + size - 1) / size) { _ in sizes }
        block.withUnsafeMutablePointerToElements { place in
            if let start = tokens.baseAddress { place.initialize(from: start, count: tokens.count) }
            if let start = text.baseAddress {
                UnsafeMutableRawPointer(place + tokens.count).copyMemory(from: start, byteCount: text.count)
            }
        }
    }

    /// What it holds, while it is held itself.
    var view: JSONView {
        block.withUnsafeMutablePointers { sizes, place in
            JSONView(
                text: UnsafeRawBufferPointer(start: place + sizes.pointee.tokens, count: sizes.pointee.text), tokens: place)
        }
    }

    func value(at index: Int) -> JSON { view.value(at: index, of: self) }
}

/// A text and the places of its values, lent.
struct JSONView {
    let text: UnsafeRawBufferPointer
    let tokens: UnsafePointer<JSONTokens.Token>

    /// The value at a token; what it holds stays in the document, if there is one.
    func value(at index: Int, of document: JSONDocument?) -> JSON {
        let token = tokens[index]
        switch token.kind {
        case .null: return .null
        case .no: return .bool(false)
        case .yes: return .bool(true)
        case .int: return .int(Int(Int64(bitPattern: token.value)))
        case .double: return .double(Double(bitPattern: token.value))
        case .plain, .escaped: return .string(withText(at: index) { String(decoding: $0, as: UTF8.self) })
        case .pairs:
            guard let document else { fallthrough }
            return .pairs(JSONPairs(document, at: index))
        case .array, .pair: return .array(elements(at: index, of: document))
        case .object:
            if let document { return .object(JSONObject(document, at: index)) }
            return .object(JSONObject(unique: members(at: index, of: nil)))
        }
    }

    /// The token behind a value.
    @inline(__always)
    func end(of index: Int) -> Int {
        switch tokens[index].kind {
        case .array, .pair, .pairs, .object: Int(tokens[index].value)
        default: index + 1
        }
    }

    /// Lends what a string stands for; the buffer is valid inside the closure only.
    @inline(__always)
    func withText<Result, Failure>(
        at index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = Int(tokens[index].value)
        let raw = UnsafeRawBufferPointer(rebasing: text[start..<(start + Int(tokens[index].count))])
        guard tokens[index].kind == .escaped else { return try body(raw) }
        return try JSONEscapes.decode(raw).withUnsafeBufferPointer { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// Calls `body` with the tokens of each member's name and value, until it returns true.
    @inline(__always)
    func forEachMember<Failure>(at index: Int, _ body: (_ name: Int, _ value: Int) throws(Failure) -> Bool) throws(Failure) {
        let end = end(of: index)
        var name = index + 1
        while name < end {
            if try body(name, name + 1) { return }
            name = self.end(of: name + 1)
        }
    }

    func members(at index: Int, of document: JSONDocument?) -> [JSONObject.Member] {
        var members: [JSONObject.Member] = []
        members.reserveCapacity(Int(tokens[index].count))
        forEachMember(at: index) { name, value in
            let key = withText(at: name) { String(decoding: $0, as: UTF8.self) }
            members.append(.init(key: key, value: self.value(at: value, of: document)))
            return false
        }
        return members
    }

    private func elements(at index: Int, of document: JSONDocument?) -> [JSON] {
        var elements: [JSON] = []
        elements.reserveCapacity(Int(tokens[index].count))
        let end = end(of: index)
        var element = index + 1
        while element < end {
            elements.append(value(at: element, of: document))
            element = self.end(of: element)
        }
        return elements
    }

    /// The token of the member's value of that name; nil if the object has none.
    func member(_ key: UnsafeRawBufferPointer, at index: Int) -> Int? {
        let end = end(of: index)
        var name = index + 1
        while name < end {
            let isPlain = tokens[name].kind == .plain
            if !isPlain || Int(tokens[name].count) == key.count, isNamed(name, key) { return name + 1 }
            name = self.end(of: name + 1)
        }
        return nil
    }

    /// Whether no two members of an object have a name of the same bytes.
    func namesAreUnique(at index: Int) -> Bool {
        let count = tokens[index].count
        guard count > 1 else { return true }
        guard count > 8 else {
            let end = end(of: index)
            var name = index + 1
            while name < end {
                var other = index + 1
                while other < name {
                    if areSame(name, other) { return false }
                    other = self.end(of: other + 1)
                }
                name = self.end(of: name + 1)
            }
            return true
        }
        var names: Set<[UInt8]> = []
        names.reserveCapacity(Int(count))
        forEachMember(at: index) { name, _ in
            withText(at: name) { _ = names.insert(Array($0)) }
            return false
        }
        return names.count == Int(count)
    }

    @inline(never)
    private func isNamed(_ name: Int, _ key: UnsafeRawBufferPointer) -> Bool { withText(at: name) { $0.isExactly(key) } }

    /// Whether two strings stand for the same bytes.
    private func areSame(_ one: Int, _ other: Int) -> Bool {
        if tokens[one].kind == .plain, tokens[other].kind == .plain, tokens[one].count != tokens[other].count { return false }
        return withText(at: one) { one in withText(at: other) { one.isExactly($0) } }
    }
}
