/// Cuts a command into words as a shell does, with its quotes and backslashes, and without anything else of a shell.
public enum CommandWords {
    public static func split(_ text: String) throws(AddonFailure) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var characters = text.makeIterator()
        while let character = characters.next() {
            switch (quote, character) {
            case ("'", "'"), ("\"", "\""): quote = nil
            case ("'", _): word = (word ?? "") + String(character)
            case (_, "\\"):
                guard let next = characters.next() else { throw AddonFailure("a backslash at the end") }
                // Between double quotes a backslash escapes a quote or itself only.
                let isPlain = quote == "\"" && next != "\"" && next != "\\"
                word = (word ?? "") + (isPlain ? "\\" : "") + String(next)
            case ("\"", _): word = (word ?? "") + String(character)
            case (_, "'"), (_, "\""):
                quote = character
                word = word ?? ""
            case (_, " "), (_, "\t"), (_, "\n"):
                if let ended = word { words.append(ended) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        if let quote { throw AddonFailure("the quote \(quote) is not closed") }
        if let word { words.append(word) }
        return words
    }
}
