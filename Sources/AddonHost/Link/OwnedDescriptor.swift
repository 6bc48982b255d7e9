import Glibc

/// A descriptor that is closed when nobody holds it any more.
final class OwnedDescriptor: Sendable {
    let number: CInt

    init(_ number: CInt) { self.number = number }

    deinit { close(number) }
}
