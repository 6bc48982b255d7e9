public import Schema

/// An entry of `options` in the answer to `initialize`: a setting of the worker's own.
public struct OptionDeclaration: Sendable {
    public let option: any AnyOption

    init(_ json: JSON, at path: String) throws(StateRefusal) {
        guard let object = json.object else { throw .expected("an object", at: path, found: json) }
        let name = try DeclaredName.read(object, at: path, allowing: "")
        let type = try object.required("type", String.self, at: path)
        let doc = try object.optional("help", String.self, at: path) ?? ""
        let choices = try object.optional("choices", [String].self, at: path) ?? []
        func option<Value: OptionValue>(_ absent: Value?) throws(StateRefusal) -> any AnyOption {
            var value = absent
            if let given = object["default"], given != .null || absent == nil {
                value = try Value.read(given, at: "\(path).default")
            }
            guard let value else { throw StateRefusal(.badState, at: "\(path).default", "missing") }
            if !choices.isEmpty, let word = value.words.first(where: { !choices.contains($0) }) {
                throw StateRefusal(.badState, at: "\(path).default", "expected one of the choices, found '\(word)'")
            }
            return Option<Value>(name, value, choices: choices, read: .whenUsed, doc)
        }
        switch type {
        case Bool.typeName: self.option = try option(Bool?.none)
        case Int.typeName: self.option = try option(Int?.none)
        case Double.typeName: self.option = try option(Double?.none)
        case String.typeName: self.option = try option(String?.none)
        case Bool?.typeName: self.option = try option(.some(Bool?.none))
        case Int?.typeName: self.option = try option(.some(Int?.none))
        case Double?.typeName: self.option = try option(.some(Double?.none))
        case String?.typeName: self.option = try option(.some(String?.none))
        case [String].typeName: self.option = try option([String]())
        default:
            throw StateRefusal(
                .badState, at: "\(path).type", "expected one of \(Self.types.joined(separator: ", ")), found '\(type)'")
        }
    }

    private static let types = [
        Bool.typeName, Int.typeName, Double.typeName, String.typeName, Bool?.typeName, Int?.typeName, Double?.typeName,
        String?.typeName, [String].typeName,
    ]
}

/// An entry of `commands` in the answer to `initialize`: something that others may have the worker do.
public struct CommandDeclaration: Sendable, Equatable {
    public let name: String
    public let help: String
    /// What it takes and what it gives, in words for people.
    public let arguments: String
    public let result: String

    init(_ json: JSON, at path: String) throws(StateRefusal) {
        guard let object = json.object else { throw .expected("an object", at: path, found: json) }
        name = try DeclaredName.read(object, at: path, allowing: ".-")
        help = try object.optional("help", String.self, at: path) ?? ""
        arguments = try object.optional("arguments", String.self, at: path) ?? ""
        result = try object.optional("result", String.self, at: path) ?? ""
    }
}

/// Names that people type: letters, digits and `_`, not with a digit first.
private enum DeclaredName {
    static func read(_ object: JSONObject, at path: String, allowing more: String) throws(StateRefusal) -> String {
        let name = try object.required("name", String.self, at: path)
        let isName =
            !name.isEmpty && name.utf8.count <= 64
            && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || more.utf8.contains($0) }
            && name.utf8.first.map(isLetter) == true
        guard isName else {
            throw StateRefusal(.badState, at: "\(path).name", "expected at most 64 letters, digits and _\(more), found '\(name)'")
        }
        return name
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || byte == 0x5F }
}

extension JSONObject {
    fileprivate func required<Value: WireValue>(_ key: String, _: Value.Type, at path: String) throws(StateRefusal) -> Value {
        guard let json = self[key] else { throw StateRefusal(.badState, at: "\(path).\(key)", "missing") }
        return try Value.read(json, at: "\(path).\(key)")
    }
}
