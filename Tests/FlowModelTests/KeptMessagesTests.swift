import Testing

@testable import FlowModel

/// What a flow keeps of its messages, and how they are numbered.
struct KeptMessagesTests {
    private func message(_ text: String) -> StreamMessage {
        StreamMessage(isFromClient: true, content: ByteString(text), timestamp: 1)
    }

    private func contents(_ kept: KeptMessages<StreamMessage>) -> [String] { kept.all.map(\.content.string) }

    @Test("of more messages than are allowed the newest stay, and keep their numbers")
    func count() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 3, maximumBytes: 1000)
        for number in 0..<1000 { #expect(kept.append(message("\(number)")) == number) }
        #expect(contents(kept) == ["997", "998", "999"])
        #expect((kept.first, kept.count) == (997, 1000))
        #expect(kept[996] == nil && kept[997]?.content == "997" && kept[999]?.content == "999" && kept[1000] == nil)
    }

    @Test("of more bytes than are allowed the newest messages stay, the last of all whatever its size")
    func bytes() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 100, maximumBytes: 10)
        for text in ["aaaa", "bbbb", "cc", "ddd"] { kept.append(message(text)) }
        #expect(contents(kept) == ["bbbb", "cc", "ddd"])
        kept.append(message("longer than ten"))
        #expect(contents(kept) == ["longer than ten"] && kept.first == 4)
        kept.append(message("e"))
        #expect(contents(kept) == ["e"])
    }

    @Test("a message that has grown drives older ones out; one that is gone stays gone")
    func change() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 100, maximumBytes: 10)
        for text in ["aaaa", "bbbb"] { kept.append(message(text)) }
        kept[1] = message("bbbbbbbb")
        #expect(contents(kept) == ["bbbbbbbb"])
        kept[0] = message("a")
        #expect(contents(kept) == ["bbbbbbbb"])
        kept[1] = message("")
        kept.append(message("1234567890"))
        #expect(contents(kept) == ["", "1234567890"])
    }

    @Test("what is only counted parts the messages before it from those behind it")
    func gaps() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 100, maximumBytes: 100)
        kept.append(message("a"))
        #expect(kept.append(nil) == 1)
        #expect(kept.all.isEmpty && (kept.first, kept.count) == (2, 2))
        kept.append(message("b"))
        #expect(contents(kept) == ["b"] && kept.first == 2)
    }

    @Test("nothing is kept where nothing is to be")
    func none() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 0, maximumBytes: 100)
        #expect(kept.append(message("a")) == 0 && kept.append(message("b")) == 1)
        #expect(kept.all.isEmpty && kept[1] == nil)
    }

    @Test("others in their place are the newest from then on")
    func replaced() {
        var kept = KeptMessages<StreamMessage>(maximumCount: 3, maximumBytes: 100)
        for text in ["a", "b", "c", "d"] { kept.append(message(text)) }
        kept.replace(with: [message("x"), message("y")])
        #expect(contents(kept) == ["x", "y"] && kept[3]?.content == "y" && kept.first == 2)
        kept.append(message("z"))
        #expect(contents(kept) == ["x", "y", "z"] && kept[4]?.content == "z")
    }
}
