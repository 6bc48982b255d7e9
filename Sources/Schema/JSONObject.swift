/// The members of a JSON object in their written order; names are unique.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One name and its value.
    public struct Member: Sendable, Hashable {
        public let key: String
        public var value: JSON

        public init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    private enum Storage {
        case members([Member])
        /// The object at a token of a text that was read.
        case text(UInt32, JSONDocument)
    }

    private var storage: Storage

    public init() { storage = .members([]) }

    init(_ document: JSONDocument, at index: Int) { storage = .text(UInt32(index), document) }

    public var members: [Member] {
        switch storage {
        case .members(let members): members
        case .text(let index, let document): document.view.members(at: Int(index), of: document)
        }
    }

    /// How many members there are.
    public var count: Int {
        switch storage {
        case .members(let members): members.count
        case .text(let index, let document): Int(document.view.tokens[Int(index)].count)
        }
    }

    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }

    /// Members whose names the caller knows to be unique.
    public init(unique members: [Member]) { storage = .members(members) }

    /// Members of which the last of a name counts, in the first's place.
    public init(replacing members: [Member]) {
        var kept: [Member] = []
        var places: [String: Int] = [:]
        for member in members {
            if let place = places[member.key] {
                kept[place].value = member.value
            } else {
                places[member.key] = kept.count
                kept.append(member)
            }
        }
        storage = .members(kept)
    }

    /// The same members with other values, without those that have none. To set one after the other would take the square of their number.
    public func mapping<Failure>(_ body: (Member) throws(Failure) -> JSON?) throws(Failure) -> JSONObject {
        var mapped: [Member] = []
        for member in members {
            if let value = try body(member) { mapped.append(Member(key: member.key, value: value)) }
        }
        return JSONObject(unique: mapped)
    }

    /// Calls `body` with the bytes of each member's name, valid inside the closure only, and its value.
    @inline(__always)
    public func forEachMember<Failure>(_ body: (UnsafeRawBufferPointer, JSON) throws(Failure) -> Void) throws(Failure) {
        switch storage {
        case .members(let members):
            for member in members {
                var key = member.key
                try key.withUTF8 { key in
                    Result { () throws(Failure) in try body(UnsafeRawBufferPointer(key), member.value) }
                }.get()
            }
        case .text(let index, let document):
            let view = document.view
            try view.forEachMember(at: Int(index)) { (name, value) throws(Failure) in
                try view.withText(at: name) { (name) throws(Failure) in try body(name, document.value(at: value)) }
                return false
            }
        }
    }

    /// As the subscript; of the name, which is ASCII, no string is made.
    public func member(_ key: StaticString) -> JSON? {
        let key = key.octets
        switch storage {
        case .members(let members):
            return members.first { $0.key.utf8.elementsEqual(key) }?.value
        case .text(let index, let document):
            return document.view.member(key, at: Int(index)).map { document.value(at: $0) }
        }
    }

    public subscript(_ key: String) -> JSON? {
        get {
            switch storage {
            case .members(let members): return members.first { $0.key == key }?.value
            case .text(let index, let document):
                var key = key
                let value = key.withUTF8 { document.view.member(UnsafeRawBufferPointer($0), at: Int(index)) }
                return value.map { document.value(at: $0) }
            }
        }
        set {
            var members = members
            defer { storage = .members(members) }
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The values by their names, for work on all of them: a search for each costs the square of their number.
    var values: [String: JSON] {
        Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// Equal if the same names have equal values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        guard left.count > 8 else { return left.members.allSatisfy { right[$0.key] == $0.value } }
        let values = right.values
        return left.members.allSatisfy { values[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(count) }
}
