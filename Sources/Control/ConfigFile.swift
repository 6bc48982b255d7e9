import Glibc
import Schema
import Yams

/// `config.yaml` in the configuration folder: values of options by their names, of the types that YAML gives them.
///
/// Scalars are read as YAML 1.2's core schema says: `true` is a boolean, `yes` a string.
public enum ConfigFile {
    /// The names of the file, in the order in which they are read.
    public static let names = ["config.yaml", "config.yml"]

    /// What the folder's files say, in their order; a file that is not there says nothing.
    public static func load(directory: String) throws(OptionFailure) -> [OptionAssignment] {
        var assignments: [OptionAssignment] = []
        for name in names {
            let path = "\(directory)/\(name)"
            guard let text = try contents(path) else { continue }
            assignments += try parse(text, path: path)
        }
        return assignments
    }

    /// The assignments of one file's text; `path` is for messages.
    public static func parse(_ text: String, path: String) throws(OptionFailure) -> [OptionAssignment] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw OptionFailure(fault(error, path))
        }
        guard let root, root.scalar.map({ json($0) != .null }) ?? true else { return [] }
        guard let mapping = root.mapping else {
            throw OptionFailure("\(place(path, root)): expected options as `name: value`, found \(kind(root))")
        }
        var assignments: [OptionAssignment] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                throw OptionFailure("\(place(path, key)): expected an option's name, found \(kind(key))")
            }
            if name == scope, let subjects = value.mapping {
                assignments += try scoped(subjects, path)
            } else {
                assignments.append(OptionAssignment(name, json: try json(value, name, path), source: place(path, key)))
            }
        }
        return assignments
    }

    /// The key below which each addon's own values stand.
    private static let scope = "addons"

    private static func scoped(_ subjects: Node.Mapping, _ path: String) throws(OptionFailure) -> [OptionAssignment] {
        var assignments: [OptionAssignment] = []
        for (key, value) in subjects {
            guard let subject = key.scalar?.string, !subject.isEmpty, let values = value.mapping else {
                throw OptionFailure("\(place(path, key)): expected an addon's name and its options, found \(kind(value))")
            }
            for (key, value) in values {
                guard let option = key.scalar?.string else {
                    throw OptionFailure("\(place(path, key)): expected an option's name, found \(kind(key))")
                }
                let name = "\(scope).\(subject).\(option)"
                assignments.append(OptionAssignment(name, json: try json(value, name, path), source: place(path, key)))
            }
        }
        return assignments
    }

    private static func json(_ node: Node, _ name: String, _ path: String) throws(OptionFailure) -> JSON {
        switch node {
        case .scalar(let scalar): return json(scalar)
        case .sequence(let sequence):
            var values: [JSON] = []
            for element in sequence { values.append(try json(element, name, path)) }
            return .array(values)
        case .mapping, .alias:
            throw OptionFailure("\(place(path, node)): option \(name): expected a value or a list, found \(kind(node))")
        }
    }

    private static func json(_ scalar: Node.Scalar) -> JSON {
        let text = scalar.string
        guard scalar.style == .plain, scalar.tag.rawValue != Tag.Name.str.rawValue else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        if let number = Int(text), abs(Double(number)) <= 9_007_199_254_740_992 { return .int(number) }
        if text.hasPrefix("0x"), let number = Int(text.dropFirst(2), radix: 16), number <= 1 << 53 { return .int(number) }
        if text.hasPrefix("0o"), let number = Int(text.dropFirst(2), radix: 8), number <= 1 << 53 { return .int(number) }
        // Swift reads words such as `nan` too.
        if text.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }), let number = Double(text), number.isFinite {
            return .double(number)
        }
        return .string(text)
    }

    private static func kind(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): json(scalar).kind
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }

    private static func place(_ path: String, _ node: Node) -> String { "\(path):\(node.mark?.line ?? 1)" }

    private static func fault(_ error: any Error, _ path: String) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            "\(path):\(mark.line): not YAML: \(problem) in column \(mark.column)"
        case .duplicatedKeysInMapping(let names, let context):
            "\(path):\(context.mark.line): option \(names.joined(separator: ", ")): expected once, found again"
        case .reader(let problem, _, _, _): "\(path): not YAML: \(problem)"
        default: "\(path): not YAML: \(error)"
        }
    }

    private static func contents(_ path: String) throws(OptionFailure) -> String? {
        guard let file = fopen(path, "rb") else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw OptionFailure("\(path): cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { break }
            bytes += buffer[..<count]
            guard bytes.count <= maximumSize else { throw OptionFailure("\(path): expected at most \(maximumSize) bytes") }
        }
        guard ferror(file) == 0 else { throw OptionFailure("\(path): cannot be read: \(String(cString: strerror(errno)))") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw OptionFailure("\(path): not UTF-8") }
        return text
    }

    private static let maximumSize = 1 << 20
}
