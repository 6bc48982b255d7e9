/// What takes codings off a body, or puts them on, as far as its caller has room for what comes out.
public protocol ContentCoder: ~Copyable, SendableMetatype {
    /// Moves bytes from the front of `input`, which it shortens, through the codings to `output`, and returns how many it wrote.
    ///
    /// Where it leaves room in `output`, which must have some, it has taken all of the input and met the goal; else it wants to be
    /// called again. `flush` without input since the last is a waste, but harmless. After a failure every further call throws the same.
    mutating func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ goal: CodingGoal
    ) throws(CodingFailure) -> Int
}
