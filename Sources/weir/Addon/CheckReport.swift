import Conformance
import Control
import Schema

/// What `weir addon check` prints.
struct CheckReport {
    let addon: String
    let results: [CaseResult]
    /// What the worker's last process that failed had printed.
    let printed: String

    var failures: Int { count { if case .failed = $0 { true } else { false } } }
    private var unused: Int { count { if case .unused = $0 { true } else { false } } }

    private func count(_ matches: (CaseResult.Outcome) -> Bool) -> Int { results.count { matches($0.outcome) } }

    var text: String {
        var rows = [["case", "", "ms", ""]]
        var sentences: [String] = []
        for result in results {
            switch result.outcome {
            case .passed(let note): rows.append([result.name, "ok", "\(result.milliseconds)", note ?? ""])
            case .unused(let why): rows.append([result.name, "not used", "", why])
            case .failed(let failure):
                rows.append([result.name, "FAIL", "\(result.milliseconds)", "section \(result.section)"])
                let sentence = "\(result.name): \(failure) (Protocol/README.md, section \(result.section))"
                sentences.append(FlowPrinter.safe(sentence) + "\n")
            }
        }
        var text = TextTable.text(rows)
        if !sentences.isEmpty { text += "\n" + sentences.joined(separator: "\n") }
        if !sentences.isEmpty, !printed.isEmpty {
            let last = printed.split(separator: "\n").suffix(12).map { "  " + FlowPrinter.safe(String($0)) + "\n" }
            text += "\nThe addon printed last:\n" + last.joined()
        }
        let passed = results.count - failures - unused
        return text + "\n\(FlowPrinter.safe(addon)): \(passed) passed, \(failures) failed, \(unused) not used\n"
    }

    var json: String {
        let cases = results.map { result -> JSON in
            var row: JSONObject = [
                "name": .string(result.name), "section": .int(result.section), "ms": .int(Int(result.milliseconds)),
            ]
            switch result.outcome {
            case .passed(let note):
                row["outcome"] = "ok"
                row["note"] = note.map { .string($0) }
            case .unused(let why):
                row["outcome"] = "unused"
                row["note"] = .string(why)
            case .failed(let failure):
                row["outcome"] = "failed"
                row["expected"] = .string(failure.expected)
                row["found"] = .string(failure.found)
            }
            return .object(row)
        }
        return TextTable.line([
            "addon": .string(addon), "passed": .int(results.count - failures - unused), "failed": .int(failures),
            "unused": .int(unused), "cases": .array(cases),
        ])
    }
}
