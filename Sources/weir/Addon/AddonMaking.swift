import ArgumentParser
import Control
import Glibc
import ProxyKernel

/// `weir addon new LANGUAGE NAME`: writes a starting point.
struct AddonMaking: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Begins an addon in a folder of its own; without arguments, lists the languages.")
    @Argument(help: "The language.") var language: String?
    @Argument(help: "The addon's name, which is the folder's: letters, digits, _ and -.") var name: String?

    func run() throws {
        guard let examples = ShippedFiles.folder(.addonExamples) else {
            throw FlowFailure(status: 1, "the examples, which new addons are copied from, are not installed")
        }
        let languages = NewAddon.languages(in: examples)
        guard let language else { return Terminal.write(languages.map { $0 + "\n" }.joined(), to: STDOUT_FILENO) }
        guard languages.contains(language) else {
            throw FlowFailure(
                status: 2, "expected a language (\(languages.joined(separator: ", "))), found '\(language)'")
        }
        guard let name else { throw FlowFailure(status: 2, "a name is missing: weir addon new \(language) NAME") }
        guard Self.isName(name) else {
            throw FlowFailure(
                status: 2, "expected a name of at most 40 letters, digits, _ and -, with a letter first, found '\(name)'")
        }
        let made: (run: String, isBuilt: Bool)
        do {
            made = try NewAddon(examples: examples, language: language, name: name).make()
        } catch {
            throw FlowFailure(status: 1, "\(error)")
        }
        let path = "\(name)/\(made.run)"
        let lines = (made.isBuilt ? ["\(name)/build"] : []) + ["weir addon check \(path)", "weir --addon \(path)"]
        Terminal.write(lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
    }

    private static func isName(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        guard let first = text.utf8.first, isLetter(first), text.utf8.count <= 40 else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }
}
