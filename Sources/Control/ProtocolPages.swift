import Glibc
import Observability
import Schema

/// The generated part of `Protocol/`: what the tables of hooks, records and options say, for people and for machines.
public enum ProtocolPages {
    /// `--output DIR` writes the pages; the result is the exit status.
    public static func run(_ arguments: [String], _ tables: Tables) -> Int32 {
        guard arguments.count == 2, arguments[0] == "--output" else {
            Terminal.write("usage: weir protocol-schemas --output DIR\n", to: STDERR_FILENO)
            return 2
        }
        let pages = [
            ("hooks.md", hooksPage(tables.hooks, tables.calls)), ("options.md", optionsPage(tables.options)),
            ("metrics.md", metricsPage(tables.instruments)), ("schema.json", schema(tables.hooks)),
        ]
        for (name, text) in pages {
            guard let file = fopen("\(arguments[1])/\(name)", "w") else {
                Terminal.write(
                    "weir: cannot write \(arguments[1])/\(name): \(String(cString: strerror(errno)))\n", to: STDERR_FILENO)
                return 1
            }
            fputs(text, file)
            fclose(file)
        }
        return 0
    }

    /// What is to be documented.
    public struct Tables: Sendable {
        public let hooks: [any AnyHook]
        public let options: [any AnyOption]
        let calls: [(method: String, params: String, doc: String)]
        let instruments: [Instrument]

        public init(
            hooks: [any AnyHook], options: [any AnyOption], calls: [(method: String, params: String, doc: String)],
            instruments: [Instrument]
        ) {
            self.instruments = instruments
            self.hooks = hooks
            self.options = options
            self.calls = calls
        }
    }

    private static func changes(_ access: Access) -> String {
        switch access {
        case .writable: "yes"
        case .writeOnly: "only: it is not shown"
        case .readOnly, .replacing, .creating: "no"
        }
    }

    static func hooksPage(_ hooks: [any AnyHook], _ calls: [(method: String, params: String, doc: String)]) -> String {
        var text =
            "# Events, calls and records\n\nGenerated from the tables in the source (`scripts/protocol`). The specification is `README.md`.\n\n## Events\n\n"
        text += "| event | also called | waits for the answer | params | meaning |\n|---|---|---|---|---|\n"
        for hook in hooks {
            let members = hook.payload.fields().map { "`\($0.name)`" }.joined(separator: ", ")
            let aliases = hook.aliases.map { "`\($0)`" }.joined(separator: ", ")
            text += "| `\(hook.name)` | \(aliases) | \(hook.pauses ? "yes" : "no") | \(members) | \(hook.doc) |\n"
        }
        text += "\n## Calls\n\nWhat a worker may ask of the core, if it was granted the permission of the same name.\n\n"
        text += "| method | params | result |\n|---|---|---|\n"
        for call in calls { text += "| `\(call.method)` | \(call.params) | \(call.doc) |\n" }
        text += "\n## Records\n"
        for record in records(hooks) where !record.fields().isEmpty {
            text +=
                "\n### \(record.name)\n\n\(record.doc)\n\n| member | type | a worker may change it | meaning |\n|---|---|---|---|\n"
            for field in record.fields() {
                text += "| `\(field.name)` | \(field.shape.text) | \(changes(field.access)) | \(field.doc) |\n"
            }
        }
        return text
    }

    static func optionsPage(_ options: [any AnyOption]) -> String {
        var text = "# Options\n\nGenerated from the tables in the source (`scripts/protocol`). Set with `--set NAME=VALUE`.\n\n"
        text +=
            "An option that is read when used may be changed while the proxy runs (`options.set`), for the connections and flows that come then; another cannot be.\n\n"
        text += "| option | type | default | read | meaning |\n|---|---|---|---|---|\n"
        for option in options {
            let choices = option.choices.isEmpty ? "" : " (\(option.choices.joined(separator: ", ")))"
            text +=
                "| `\(option.name)` | \(option.typeName)\(choices) | `\(option.defaultText)` | \(option.reading.text) | \(option.doc) |\n"
        }
        return text
    }

    static func schema(_ hooks: [any AnyHook]) -> String {
        let byteString: JSON = [
            "description": "Octets: a string if they are valid UTF-8, else base 64.",
            "anyOf": [["type": "string"], ["type": "object", "properties": ["b64": ["type": "string"]], "required": ["b64"]]],
        ]
        var definitions: JSONObject = [
            "ByteString": byteString,
            "Headers": [
                "description": "Field lines in order, with duplicates.", "type": "array",
                "items": [
                    "type": "array", "minItems": 2, "items": false,
                    "prefixItems": [["$ref": "#/$defs/ByteString"], ["$ref": "#/$defs/ByteString"]],
                ],
            ],
            "Content": [
                "description": "A body: octets, null if there is none, its size if it is not shown, or how it comes.",
                "anyOf": [
                    ["$ref": "#/$defs/ByteString"], ["type": "null"],
                    ["type": "object", "properties": ["omitted": ["type": ["integer", "null"]]], "required": ["omitted"]],
                    ["type": "object", "properties": ["stream": ["type": "integer"]], "required": ["stream"]],
                    [
                        "type": "object", "required": ["fd", "size"],
                        "properties": ["fd": ["type": "integer"], "size": ["type": "integer"]],
                    ],
                    [
                        "type": "object", "required": ["at", "size"],
                        "properties": [
                            "at": ["type": "integer"], "size": ["type": "integer"], "room": ["type": "integer"],
                        ],
                    ],
                    [
                        "type": "object", "required": ["ref", "size"],
                        "properties": ["ref": ["type": "integer"], "size": ["type": "integer"]],
                    ],
                    [
                        "type": "object", "required": ["preview", "size", "complete", "stream"],
                        "properties": [
                            "preview": ["$ref": "#/$defs/ByteString"], "size": ["type": ["integer", "null"]],
                            "complete": ["type": "boolean"], "stream": ["type": "integer"],
                        ],
                    ],
                ],
            ],
        ]
        for record in records(hooks) { definitions[record.name] = record.schema }
        var events = JSONObject()
        for hook in hooks { events[hook.name] = ["$ref": .string("#/$defs/\(hook.payload.name)")] }
        let schema: JSON = [
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Parameters of the events of the addon protocol, version 1",
            "type": "object", "properties": .object(events), "$defs": .object(definitions),
        ]
        return indented(schema, "") + "\n"
    }

    /// Every record that an event can carry, each once, by name.
    private static func records(_ hooks: [any AnyHook]) -> [RecordShape] {
        var seen: [String: RecordShape] = [:]
        for hook in hooks { Shape.record(hook.payload).collectRecords(into: &seen) }
        return seen.values.sorted { $0.name < $1.name }
    }

    private static func indented(_ json: JSON, _ margin: String) -> String {
        let inner = margin + "  "
        switch json {
        case .object(let object) where !object.members.isEmpty:
            let members = object.members.map { "\(inner)\(line(.string($0.key))): \(indented($0.value, inner))" }
            return "{\n" + members.joined(separator: ",\n") + "\n\(margin)}"
        case .array(let values) where values.contains(where: { $0.object != nil }):
            return "[\n" + values.map { inner + indented($0, inner) }.joined(separator: ",\n") + "\n\(margin)]"
        default: return line(json)
        }
    }

    private static func line(_ json: JSON) -> String { String(decoding: json.encoded, as: UTF8.self) }
}
