import Glibc

/// Why a flow file cannot be opened, read or written: a sentence for people that names it.
public struct FlowFileTrouble: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }

    public init(_ action: String, _ path: String, errno code: Int32) {
        self.init("cannot \(action) \(path): \(String(cString: strerror(code)))")
    }
}
