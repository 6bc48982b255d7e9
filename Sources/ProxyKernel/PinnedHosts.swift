import NIOCore
import Synchronization
import TLSEngine

/// Servers whose clients do not accept our certificate, and which are passed through for a while: `tls_passthrough_after`.
///
/// A host is counted up by rejections in a row. When its time is over it is tried again, and one rejection more is enough. Any number of
/// hosts may be asked about; of those with rejections the ones that were not asked about for longest are forgotten first.
public final class PinnedHosts: Sendable {
    private struct Record {
        var rejections = 0
        /// Passed through until then.
        var end: NIODeadline?
    }

    private let records: Mutex<RecentlyUsed<String, Record>>

    public init(capacity: Int = 4096) { records = Mutex(RecentlyUsed(capacity: capacity)) }

    /// Whether the host is passed through now.
    public func passes(_ host: String, at now: NIODeadline = .now()) -> Bool {
        records.withLock { records in
            guard let end = records[host]?.end else { return false }
            return now < end
        }
    }

    /// A client has rejected our certificate. True if the host is passed through from now on, for `time`: it was the `limit`th in a row.
    public func rejected(_ host: String, limit: Int, time: TimeAmount, at now: NIODeadline = .now()) -> Bool {
        records.withLock { records in
            var record = records[host] ?? Record()
            record.rejections = min(record.rejections + 1, limit)
            record.end = record.rejections == limit ? now + time : nil
            records[host] = record
            return record.end != nil
        }
    }

    /// A client has accepted our certificate.
    public func accepted(_ host: String) { records.withLock { $0[host] = nil } }

    public var count: Int { records.withLock { $0.count } }
}
