import CNghttp2
import NIOCore

/// Counts frames that cost us work and their sender nothing: for each kind a bucket of tokens that fills with time.
///
/// What it refuses ends the connection with ENHANCE_YOUR_CALM (RFC 9113 10.5).
struct FloodGuard {
    /// The raw values name the counters.
    enum Kind: String, Sendable, CaseIterable {
        case resets, pings, settings, priorities, emptyData = "empty_data", continuations

        /// For people.
        var frames: String {
            switch self {
            case .resets: "streams that were opened and reset"
            case .pings: "PING frames"
            case .settings: "SETTINGS frames"
            case .priorities: "PRIORITY frames"
            case .emptyData: "empty DATA frames"
            case .continuations: "CONTINUATION frames of one field section"
            }
        }
    }

    private struct Bucket {
        let kind: Kind
        var tokens: Double
        var filled: NIODeadline
    }

    var now = NIODeadline.uptimeNanoseconds(0)
    private let limits: EngineLimits
    /// Servers may reset as many streams as we open.
    private let countsResets: Bool
    /// Of the kinds that have come, which are few.
    private var buckets: [Bucket] = []

    init(_ role: Engine.Role, _ limits: EngineLimits) {
        self.limits = limits
        countsResets = role == .server
    }

    /// The kind of flood that the frame belongs to, if there are too many of them.
    mutating func received(_ head: nghttp2_frame_hd) -> Kind? {
        let has = { (flag: nghttp2_flag) in head.flags & UInt8(flag.rawValue) != 0 }
        switch nghttp2_frame_type(UInt32(head.type)) {
        case NGHTTP2_RST_STREAM: return countsResets ? take(.resets) : nil
        case NGHTTP2_PING: return has(NGHTTP2_FLAG_ACK) ? nil : take(.pings)
        case NGHTTP2_SETTINGS: return has(NGHTTP2_FLAG_ACK) ? nil : take(.settings)
        case NGHTTP2_PRIORITY: return take(.priorities)
        case NGHTTP2_DATA: return head.length == 0 && !has(NGHTTP2_FLAG_END_STREAM) ? take(.emptyData) : nil
        case NGHTTP2_CONTINUATION: return take(.continuations)
        case NGHTTP2_HEADERS:
            // Each field section may have as many as the first.
            buckets.removeAll { $0.kind == .continuations }
            return nil
        default: return nil
        }
    }

    private mutating func take(_ kind: Kind) -> Kind? {
        guard let limit = limits.floods[kind] else { return nil }
        let known = buckets.firstIndex { $0.kind == kind }
        if known == nil { buckets.append(Bucket(kind: kind, tokens: limit.burst, filled: now)) }
        let index = known ?? buckets.count - 1
        let seconds = Double((now - buckets[index].filled).nanoseconds) / 1e9
        buckets[index].tokens = min(limit.burst, buckets[index].tokens + seconds * limit.rate) - 1
        buckets[index].filled = now
        return buckets[index].tokens < 0 ? kind : nil
    }
}
