import AddonWire
import Schema
import Testing

@testable import Conformance

@Suite struct DialogueTests {
    private func dialogue() -> Dialogue {
        Dialogue(limits: LinkLimits(), calls: CallAnswers(methods: ["flow.get", "options.get"], options: ["a": 1]))
    }

    private func hear(_ text: String, _ dialogue: inout Dialogue) {
        Array(text.utf8).withUnsafeBytes { dialogue.received($0, now: 0) }
    }

    @Test("an answer ends its request, a second one is a breach that names the case")
    func twice() {
        var dialogue = dialogue()
        let id = dialogue.request(Message("ping"), owner: "a case", patience: 1000, now: 0)
        #expect(
            String(decoding: dialogue.output, as: UTF8.self) == #"{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}"# + "\n")
        hear(#"{"id":1,"result":{}}"# + "\n", &dialogue)
        #expect(dialogue.requests[id]?.answer == .result(id: 1, [:]))
        #expect(dialogue.breach == nil)
        hear(#"{"id":1,"result":{}}"# + "\n", &dialogue)
        #expect(dialogue.breach?.owner == "a case")
        #expect(dialogue.breach?.failure.section == 2)
    }

    @Test("a line that is none ends the dialogue, wherever it is cut", arguments: ["hello\n", "[1]\n", "\n", "{\"a\":1}\n"])
    func badLine(_ text: String) {
        for cut in 0...text.utf8.count {
            var dialogue = dialogue()
            let bytes = Array(text.utf8)
            for part in [bytes.prefix(cut), bytes.dropFirst(cut)] { hear(String(decoding: part, as: UTF8.self), &dialogue) }
            #expect(dialogue.isOver)
            #expect(dialogue.breach?.failure.found.hasPrefix("a bad line: ") == true)
        }
    }

    @Test("the end in the middle of a line is a breach, another is none")
    func end() {
        var (whole, broken) = (dialogue(), dialogue())
        whole.ended()
        #expect(whole.isOver && whole.breach == nil)
        hear(#"{"id":"#, &broken)
        broken.ended()
        #expect(broken.breach != nil)
    }

    @Test("calls are answered, unknown ones refused")
    func calls() {
        var dialogue = dialogue()
        hear(#"{"id":"x","method":"options.get"}"# + "\n" + #"{"id":"y","method":"no.such"}"# + "\n", &dialogue)
        let lines = String(decoding: dialogue.output, as: UTF8.self).split(separator: "\n")
        #expect(lines.first == #"{"jsonrpc":"2.0","id":"x","result":{"options":{"a":1}}}"#)
        #expect(lines.last?.contains("-32601") == true)
    }

    @Test("more time is given once it is asked for")
    func extend() {
        var dialogue = dialogue()
        let id = dialogue.request(Message("response"), owner: "", patience: 1000, now: 0)
        hear(#"{"method":"event.extend","params":{"id":1,"ms":20000}}"# + "\n", &dialogue)
        #expect(dialogue.requests[id]?.patience == 20000)
    }
}
