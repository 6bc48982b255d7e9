import Glibc

/// The time of day, for flows and logs.
public enum WallClock {
    /// Seconds since 1970, UTC, with microseconds.
    public static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec / 1000) / 1e6
    }
}
