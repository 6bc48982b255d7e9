import CNghttp2
import NIOCore
import Testing

@testable import HTTP2

struct FloodGuardTests {
    private func head(_ type: nghttp2_frame_type, length: Int = 8, flags: nghttp2_flag = NGHTTP2_FLAG_NONE) -> nghttp2_frame_hd {
        nghttp2_frame_hd(length: length, stream_id: 1, type: UInt8(type.rawValue), flags: UInt8(flags.rawValue), reserved: 0)
    }

    private func refused(_ frame: nghttp2_frame_hd, after burst: Int, _ role: Engine.Role = .server) -> FloodGuard.Kind? {
        var floods = FloodGuard(role, EngineLimits())
        for _ in 0..<burst { #expect(floods.received(frame) == nil) }
        return floods.received(frame)
    }

    @Test("one frame more than may come at once is refused, by its kind")
    func bursts() {
        #expect(refused(head(NGHTTP2_RST_STREAM), after: 200) == .resets)
        #expect(refused(head(NGHTTP2_PING), after: 200) == .pings)
        #expect(refused(head(NGHTTP2_SETTINGS), after: 50) == .settings)
        #expect(refused(head(NGHTTP2_PRIORITY), after: 2000) == .priorities)
        #expect(refused(head(NGHTTP2_DATA, length: 0), after: 100) == .emptyData)
        #expect(refused(head(NGHTTP2_CONTINUATION), after: 7) == .continuations)
    }

    @Test("frames that are called for are not counted")
    func harmless() {
        #expect(refused(head(NGHTTP2_PING, flags: NGHTTP2_FLAG_ACK), after: 3000) == nil)
        #expect(refused(head(NGHTTP2_SETTINGS, flags: NGHTTP2_FLAG_ACK), after: 3000) == nil)
        #expect(refused(head(NGHTTP2_DATA), after: 3000) == nil)
        #expect(refused(head(NGHTTP2_DATA, length: 0, flags: NGHTTP2_FLAG_END_STREAM), after: 3000) == nil)
        #expect(refused(head(NGHTTP2_RST_STREAM), after: 3000, .client) == nil)
    }

    @Test("time makes room again, and each field section has its own continuations")
    func refilling() {
        var floods = FloodGuard(.server, EngineLimits())
        for _ in 0..<200 { #expect(floods.received(head(NGHTTP2_PING)) == nil) }
        floods.now = .uptimeNanoseconds(1_000_000_000)
        for _ in 0..<20 { #expect(floods.received(head(NGHTTP2_PING)) == nil) }
        #expect(floods.received(head(NGHTTP2_PING)) == .pings)
        for _ in 0..<10 {
            #expect(floods.received(head(NGHTTP2_HEADERS)) == nil)
            for _ in 0..<7 { #expect(floods.received(head(NGHTTP2_CONTINUATION)) == nil) }
        }
    }
}
