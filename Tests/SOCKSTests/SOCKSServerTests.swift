import FlowModel
import NIOCore
import Testing

@testable import SOCKS

/// What the client sends, as bytes, and what comes of it; each dialogue is tried with its input cut at every byte.
struct SOCKSServerTests {
    private typealias Reply = SOCKSServer.Reply

    /// All that was said and done, with `.check` answered by `areValid`.
    private func hear(
        _ input: [UInt8], cutAt cut: Int? = nil, demands: Bool = false, wants: Bool = false, areValid: Bool = true
    ) -> (actions: [SOCKSServer.Action], rest: [UInt8]) {
        var server = SOCKSServer(demandsCredentials: demands, wantsCredentials: wants)
        var actions: [SOCKSServer.Action] = []
        let pieces = cut.map { [Array(input[..<$0]), Array(input[$0...])] } ?? input.map { [$0] }
        for piece in pieces {
            server.received(ByteBuffer(bytes: piece))
            var action = server.next()
            while action != .needMore {
                actions.append(action)
                if case .check = action {
                    action = server.credentialsChecked(areValid: areValid)
                } else {
                    action = server.next()
                }
            }
        }
        return (actions, Array(server.takeRemaining().readableBytesView))
    }

    /// The same however the input is cut.
    private func dialogue(
        _ input: [UInt8], demands: Bool = false, wants: Bool = false, areValid: Bool = true,
        _ location: SourceLocation = #_sourceLocation
    ) -> (actions: [SOCKSServer.Action], rest: [UInt8]) {
        let whole = hear(input, cutAt: input.count, demands: demands, wants: wants, areValid: areValid)
        for cut in 0...input.count {
            let other = hear(input, cutAt: cut, demands: demands, wants: wants, areValid: areValid)
            #expect(whole.actions == other.actions && whole.rest == other.rest, "cut at \(cut)", sourceLocation: location)
        }
        let single = hear(input, demands: demands, wants: wants, areValid: areValid)
        #expect(whole.actions == single.actions && whole.rest == single.rest, "byte by byte", sourceLocation: location)
        return whole
    }

    private func sent(_ bytes: UInt8...) -> SOCKSServer.Action { .send(ByteBuffer(bytes: bytes)) }

    private static let greeting: [UInt8] = [5, 1, 0]
    private static let login: [UInt8] = [5, 2, 0, 2, 1, 4] + Array("user".utf8) + [4] + Array("word".utf8)
    private static let four: [UInt8] = [5, 1, 0, 1, 192, 0, 2, 1, 1, 187]

    @Test(
        "a client names its server as an address or a name",
        arguments: [
            (four, "192.0.2.1", 443),
            ([5, 1, 0, 3, 9] + Array("a.example".utf8) + [0, 80], "a.example", 80),
            ([5, 1, 0, 3, 9] + Array("127.0.0.1".utf8) + [255, 255], "127.0.0.1", 65535),
            ([5, 1, 0, 3, 3] + Array("::1".utf8) + [0, 1], "::1", 1),
            ([5, 1, 0, 4, 0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1, 31, 144], "2001:db8::1", 8080),
            ([5, 1, 9, 1, 192, 0, 2, 1, 1, 187], "192.0.2.1", 443),
        ] as [([UInt8], String, Int)])
    func targets(_ request: [UInt8], _ host: String, _ port: Int) {
        let heard = dialogue(Self.greeting + request + [0x16, 3, 1])
        #expect(heard.actions == [sent(5, 0), .connect(Address(host: host, port: port))])
        #expect(heard.rest == [0x16, 3, 1], "what stands behind the request is the tunnel's")
    }

    @Test(
        "the method is chosen from what is demanded, wanted and offered",
        arguments: [
            ([0], false, false, 0), ([0, 2], false, false, 0), ([0, 1, 2], false, true, 2), ([0, 2], true, false, 2),
            ([2], false, false, 2), ([0], false, true, 0), ([0], true, false, 255), ([1], false, false, 255),
            ([], false, false, 255),
            ([1, 3, 4], true, true, 255),
        ] as [([UInt8], Bool, Bool, UInt8)])
    func methods(_ offered: [UInt8], _ demands: Bool, _ wants: Bool, _ chosen: UInt8) {
        let heard = dialogue([5, UInt8(offered.count)] + offered, demands: demands, wants: wants)
        if chosen == 255, case .refuse(let bytes, _) = heard.actions.first {
            #expect(bytes == ByteBuffer(bytes: [5, 255]))
        } else {
            #expect(heard.actions == [sent(5, chosen)])
        }
    }

    @Test("name and password are asked about, and decide")
    func credentials() {
        let check = SOCKSServer.Action.check(name: "user", password: "word")
        let heard = dialogue(Self.login + Self.four, demands: true)
        #expect(heard.actions == [sent(5, 2), check, sent(1, 0), .connect(Address(host: "192.0.2.1", port: 443))])
        let refused = dialogue(Self.login + Self.four, demands: true, areValid: false)
        #expect(refused.actions.count == 3 && refused.actions[1] == check)
        guard case .refuse(let bytes, let note) = refused.actions[2] else { return #expect(Bool(false), "\(refused.actions)") }
        #expect(bytes == ByteBuffer(bytes: [1, 1]) && note.contains("not valid"))
    }

    @Test("an empty name and password are passed on, and octets that are not UTF-8 do no harm")
    func oddCredentials() {
        #expect(dialogue([5, 1, 2, 1, 0, 0], wants: true).actions[1] == .check(name: "", password: ""))
        #expect(
            dialogue([5, 1, 2, 1, 1, 0xFF, 1, 0xFE], wants: true).actions[1] == .check(name: "\u{FFFD}", password: "\u{FFFD}"))
    }

    @Test(
        "what is not SOCKS 5 is refused with the code and the reason",
        arguments: [
            ([4], [], "expected SOCKS version 5, found byte 4"), (Array("GET ".utf8), [], "HTTP proxy"),
            ([0x16], [], "found byte 22"),
            (greeting + [4], [5, 1], "found byte 4"),
            (greeting + [5, 2, 0, 1, 1, 2, 3, 4, 0, 80], [5, 7], "command 2"),
            (greeting + [5, 3, 0, 3, 1, 0x61, 0, 80], [5, 7], "command 3"),
            (greeting + [5, 0, 0, 1, 1, 2, 3, 4, 0, 80], [5, 7], "command 0"),
            (greeting + [5, 1, 0, 2], [5, 8], "address type 2"), (greeting + [5, 1, 0, 0], [5, 8], "address type 0"),
            (greeting + [5, 1, 0, 3, 0, 0, 80], [5, 1], "neither a name"),
            (greeting + [5, 1, 0, 3, 1, 0x20, 0, 80], [5, 1], "neither a name"),
            (greeting + [5, 1, 0, 3, 3, 0x61, 0, 0x62, 0, 80], [5, 1], "neither a name"),
            (greeting + [5, 1, 0, 3, 1, 0xFF, 0, 80], [5, 1], "neither a name"),
            (greeting + [5, 1, 0, 1, 1, 2, 3, 4, 0, 0], [5, 1], "with a port"),
        ] as [([UInt8], [UInt8], String)])
    func refusals(_ input: [UInt8], _ begins: [UInt8], _ says: String) {
        let heard = dialogue(input)
        guard case .refuse(let bytes, let note) = heard.actions.last else { return #expect(Bool(false), "\(heard.actions)") }
        #expect(Array(bytes.readableBytesView.prefix(2)) == begins)
        #expect(note.contains(says), "\(note)")
        if bytes.readableBytes > 2 { #expect(bytes.readableBytes == 10, "an answer is whole") }
    }

    @Test("another version of the sub-negotiation is refused")
    func subNegotiation() {
        guard case .refuse(let bytes, _) = dialogue([5, 1, 2, 5, 1], demands: true).actions.last else {
            return #expect(Bool(false))
        }
        #expect(bytes == ByteBuffer(bytes: [1, 1]))
    }

    @Test(
        "an answer carries our address in its own form",
        arguments: [
            (nil, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), (Address(host: "192.0.2.7", port: 258), [5, 0, 0, 1, 192, 0, 2, 7, 1, 2]),
            (Address(host: "::1", port: 1), [5, 0, 0, 4] + [UInt8](repeating: 0, count: 15) + [1, 0, 1]),
        ] as [(Address?, [UInt8])])
    func answers(_ address: Address?, _ expected: [UInt8]) {
        var server = SOCKSServer(demandsCredentials: false, wantsCredentials: false)
        #expect(Array(server.connected(from: address).readableBytesView) == expected)
    }

    @Test("a failure is one reply, and nothing more is read")
    func failure() {
        var server = SOCKSServer(demandsCredentials: false, wantsCredentials: false)
        server.received(ByteBuffer(bytes: Self.greeting + Self.four))
        _ = server.next()
        #expect(server.next() == .connect(Address(host: "192.0.2.1", port: 443)))
        #expect(Array(server.failed(.connectionRefused).readableBytesView) == [5, 5, 0, 1, 0, 0, 0, 0, 0, 0])
        server.received(ByteBuffer(bytes: Self.four))
        #expect(server.next() == .needMore)
    }
}
