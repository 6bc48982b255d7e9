import NIOCore

/// Milliseconds that never go back: the time of links and supervision.
public enum MonotonicClock {
    public static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    static func deadline(_ time: Int64) -> NIODeadline { .uptimeNanoseconds(UInt64(max(0, time)) * 1_000_000) }
}
