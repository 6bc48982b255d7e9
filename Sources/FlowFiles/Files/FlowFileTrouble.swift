import Glibc

/// Why a flow file cannot be opened, read or written: a sentence for people that names it.
package struct FlowFileTrouble: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    package init(_ action: String, _ path: String, errno code: Int32) {
        self.init("cannot \(action) \(path): \(String(cString: strerror(code)))")
    }
}
