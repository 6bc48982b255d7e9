/// How much a body may grow while it is decoded. Each layer of a stacked body must keep to it.
public struct CodingLimits: Sendable, Equatable {
    /// The most bytes that come out.
    public var maximumSize: Int

    /// The most bytes that come out per byte that was taken so far, from the first output beyond `ratioFreeSize` on.
    public var maximumRatio: Int

    /// Output up to this many bytes is not held against the ratio: bodies of blanks are no attack while they are small.
    public static let ratioFreeSize = 1 << 20

    /// The defaults are 256 MiB and 1000 to 1.
    public init(maximumSize: Int = 256 * 1024 * 1024, maximumRatio: Int = 1000) {
        self.maximumSize = maximumSize
        self.maximumRatio = maximumRatio
    }
}
