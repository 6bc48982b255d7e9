import FlowModel
import NIOCore
import Testing
import WebSocket

@Suite("permessage-deflate")
struct CompressionTests {
    static let deflate = "permessage-deflate"

    @Test(
        "an answer is understood",
        arguments: [
            ("permessage-deflate", 15, 15, true, true),
            ("Permessage-Deflate", 15, 15, true, true),
            ("permessage-deflate; server_no_context_takeover", 15, 15, true, false),
            ("permessage-deflate;client_no_context_takeover", 15, 15, false, true),
            ("permessage-deflate; client_max_window_bits=9; server_max_window_bits=10", 9, 10, true, true),
            ("permessage-deflate; server_max_window_bits=\"8\"", 15, 8, true, true),
            (", permessage-deflate ; client_max_window_bits = 15", 15, 15, true, true),
        ])
    func answers(field: String, clientBits: Int, serverBits: Int, clientKeeps: Bool, serverKeeps: Bool) throws {
        let compression = try #require(try agreed(field))
        #expect(compression.summary == [clientBits, serverBits, clientKeeps ? 1 : 0, serverKeeps ? 1 : 0])
    }

    @Test("no field is no compression")
    func none() throws {
        #expect(try Compression.agreed(in: Headers()) == nil)
        #expect(try agreed("") == nil)
    }

    @Test(
        "an answer that was not offered or is not well-formed breaks the protocol",
        arguments: [
            "x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate, permessage-deflate", "permessage-deflate; x=1",
            "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=", "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate;", "=;", "a b",
            "permessage-deflate; server_max_window_bits=\"10",
        ])
    func refusals(field: String) {
        #expect { try agreed(field) } throws: { ($0 as? Violation)?.code == .protocolError }
    }

    @Test(
        "offers are cut down to what we can follow",
        arguments: [
            (["permessage-deflate; client_max_window_bits"], ["permessage-deflate; client_max_window_bits"], 0),
            (["x-webkit-deflate-frame, permessage-deflate"], ["permessage-deflate"], 1),
            (["x-foo"], [], 1),
            (["permessage-deflate; server_max_window_bits=8"], ["permessage-deflate; server_max_window_bits=8"], 0),
            (["permessage-deflate; y; server_max_window_bits=10, permessage-deflate"], ["permessage-deflate"], 1),
            (
                ["a", "permessage-deflate; server_max_window_bits=10", "b,c"], ["permessage-deflate; server_max_window_bits=10"],
                3
            ),
            (
                ["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
                ["permessage-deflate; server_max_window_bits=10, permessage-deflate"], 0
            ),
            (["permessage-deflate; a=\"x, y\""], [], 1),
            (["permessage-deflate; server_max_window_bits"], [], 1),
        ])
    func offers(fields: [String], kept: [String], refused: Int) {
        var headers = Headers([("Host", "x")] + fields.map { ("Sec-WebSocket-Extensions", $0) })
        #expect(Compression.restrictOffers(in: &headers).count == refused)
        #expect(headers.values("Sec-WebSocket-Extensions").map(\.string) == kept)
        #expect(headers.first("Host") == "x")
    }

    @Test(
        "the RFC's examples are read",
        arguments: [
            frame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            frame(0x41, [0xF2, 0x48, 0xCD]) + frame(0x80, [0xC9, 0xC9, 0x07, 0x00]),
            frame(0xC1, [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]),
            // A last block, with and without the byte that the RFC wants behind it.
            frame(0xC1, [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
            frame(0xC1, [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            // Two blocks.
            frame(0xC1, [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]),
        ])
    func examples(bytes: [UInt8]) throws {
        let compression = try agreed(Self.deflate)
        for pieces in cuts(bytes) + [[bytes]] { #expect(contents(hear(pieces, compression)) == [text("Hello")], "\(pieces)") }
    }

    @Test("a message may refer to those before it, also behind a last block and behind one that is not compressed")
    func takeover() throws {
        let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        let again: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]
        let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]
        let compression = try agreed(Self.deflate)
        let expected = [text("Hello"), text("x"), text("Hello")]
        for first in [hello, final] {
            let bytes = frame(0xC1, first) + frame(0x81, text("x")) + frame(0xC1, again)
            for pieces in cuts(bytes) { #expect(contents(hear(pieces, compression)) == expected) }
        }
    }

    @Test("an empty compressed message is one byte")
    func empty() throws {
        #expect(contents(hear([frame(0xC1, [0])], try agreed(Self.deflate))) == [[]])
    }
}

extension Compression {
    /// Window bits of both, and whether each keeps its context; told apart by what a writer and a reader do with them.
    fileprivate var summary: [Int] {
        [client.windowBits, server.windowBits, client.keepsContext ? 1 : 0, server.keepsContext ? 1 : 0]
    }
}
