import NIOCore

/// Milliseconds that never go back: the time of links and supervision.
public enum MonotonicClock {
    public static var now: Int64 { time(.now()) }

    static func time(_ deadline: NIODeadline) -> Int64 { Int64(deadline.uptimeNanoseconds / 1_000_000) }

    static func deadline(_ time: Int64) -> NIODeadline { .uptimeNanoseconds(UInt64(max(0, time)) * 1_000_000) }
}
