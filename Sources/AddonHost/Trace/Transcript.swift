import Schema

/// What went between the core and an addon, as a file has it: a line that says of whom, and a line for each of theirs.
///
/// An event that was kept because processes had ended over it is one of a single step.
public struct Transcript: Sendable {
    /// One line of one side.
    public struct Step: Sendable {
        public enum Side: String, Sendable { case core, worker }

        public let side: Side
        public let message: JSON
        /// Of the addon's connections, which each begin anew.
        public let connection: Int
        /// In the file, from 1.
        public let line: Int
    }

    public let addon: String
    /// How it was started; nil if it attached itself or was connected to.
    public let form: AddonSpec.Form?
    public let steps: [Step]

    private static let mark: JSON = "transcript"

    /// Reads a file, or says which line is wrong.
    public init(_ bytes: [UInt8]) throws(AddonFailure) {
        let reader = JSONReader()
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let first = lines.first, let head = try? reader.read(Array(first)), head["weir"] == Self.mark,
            let name = head["addon"]?.string
        else { throw AddonFailure("the first line is not a transcript's") }
        var steps: [Step] = []
        for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
            guard let json = try? reader.read(Array(line)), let object = json.object else {
                throw AddonFailure("line \(index + 1): expected an object")
            }
            for side in [Step.Side.core, .worker] {
                guard let message = object[side.rawValue] else { continue }
                guard message.object != nil else {
                    throw AddonFailure("line \(index + 1): expected an object in '\(side.rawValue)'")
                }
                steps.append(Step(side: side, message: message, connection: json["c"]?.int ?? 1, line: index + 1))
            }
        }
        guard !steps.isEmpty else { throw AddonFailure("it has no lines of either side") }
        addon = name
        let command = head["run"]?.array?.compactMap(\.string) ?? []
        form = command.isEmpty ? nil : .spawn(command, isStdio: head["stdio"]?.bool ?? false)
        self.steps = steps
    }

    /// The event of a transcript that has nothing else.
    public var event: (method: String, params: JSONObject)? {
        guard steps.count == 1, steps[0].side == .core, let method = steps[0].message["method"]?.string,
            let params = steps[0].message["params"]?.object
        else { return nil }
        return (method, params)
    }

    /// The first line, with members of its own where there are some.
    static func head(_ addon: Addon, time: Double, _ more: JSONObject = [:]) -> JSON {
        var (run, isStdio): ([String], Bool) = ([], false)
        if case .spawn(let command, let stdio) = addon.form { (run, isStdio) = (command, stdio) }
        var head: JSONObject = [
            "weir": mark, "addon": .string(addon.name), "run": .array(run.map { .string($0) }), "stdio": .bool(isStdio),
            "time": .double(time),
        ]
        for member in more.members { head[member.key] = member.value }
        return .object(head)
    }

    /// A line of one side; `seconds` since the time of the head.
    static func step(_ side: Step.Side, _ message: JSON, connection: Int, seconds: Double) -> JSON {
        var step: JSONObject = ["t": .double((seconds * 1e6).rounded() / 1e6), "c": .int(connection)]
        step[side.rawValue] = message
        return .object(step)
    }
}
