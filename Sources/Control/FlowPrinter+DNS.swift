import FlowModel

/// DNS queries and what came of them, as mitmdump prints them.
extension FlowPrinter {
    public func lines(of flow: DNSFlow) -> String {
        let client = flow.client.value.peername.description
        let question = flow.request.questions.first
        let type = question.map { DNSWords.type($0.type) } ?? "no question"
        let asked = "DNS \(DNSWords.operation(flow.request.operation)) (\(type))"
        let isUsual = type == "A" || type == "AAAA"
        var text = "\(client): \(colour(isUsual ? .green : .red, asked)) \(Self.safe(question?.name ?? ""))\n"
        let indent = String(repeating: " ", count: max(client.utf8.count - 2, 0))
        if let error = flow.error {
            text += "\(indent)<< \(colour(.red, Self.safe(error.message)))\n"
        } else if let response = flow.response {
            let answers = response.answers.map { colour(.cyan, Self.safe($0.text)) }.joined(separator: ", ")
            text += "\(indent)<< \(answers.isEmpty ? colour(.red, DNSWords.responseCode(response.responseCode)) : answers)\n"
        }
        return text
    }
}
