import COpenSSL
import NIOCore

/// OpenSSL's socket, made of two byte buffers.
///
/// A memory BIO would copy every byte once more in each direction. Reading takes from ``inbound`` and asks for a retry when
/// it is empty; writing always succeeds, so OpenSSL never waits to write. The C object is owned by whoever it was given to,
/// and must not outlive this one.
final class BufferBIO {
    private var inbound = ByteBuffer()
    private var outbound = ByteBuffer()

    /// Ciphertext not yet read by OpenSSL, in bytes.
    var inboundCount: Int { inbound.readableBytes }

    /// Makes the C object with one reference, which passes to the caller; nil if there is no memory.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    func append(_ bytes: ByteBuffer) {
        if inbound.readableBytes == 0 {
            inbound = bytes
        } else {
            inbound.writeImmutableBuffer(bytes)
        }
    }

    /// Makes room for a flight that is about to be written.
    func reserveOutbound(_ count: Int) {
        outbound.reserveCapacity(minimumWritableBytes: count)
    }

    /// What OpenSSL wants sent; nil if nothing. No storage is kept for the next flight: an idle connection has none.
    func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        let flight = outbound
        outbound = ByteBuffer()
        return flight
    }

    private func read(_ target: UnsafeMutablePointer<CChar>, _ count: Int32) -> Int32 {
        let taken = min(Int(count), inbound.readableBytes)
        guard taken > 0 else { return -1 }
        inbound.readWithUnsafeReadableBytes { bytes in
            UnsafeMutableRawPointer(target).copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(target), byteCount: taken)
            return taken
        }
        // Lets the channel use its receive buffer again.
        if inbound.readableBytes == 0 { inbound = ByteBuffer() }
        return Int32(taken)
    }

    private func write(_ source: UnsafePointer<CChar>, _ count: Int32) -> Int32 {
        Int32(outbound.writeBytes(UnsafeRawBufferPointer(start: source, count: Int(count))))
    }

    private static func of(_ bio: OpaquePointer?) -> BufferBIO? {
        BIO_get_data(bio).map { Unmanaged<BufferBIO>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Written once before any use; OpenSSL only reads it afterwards.
    private nonisolated(unsafe) static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "byte buffer") else { return nil }
        BIO_meth_set_read(method) { bio, target, count in
            shim_BIO_clear_retry_flags(bio)
            guard let target, count > 0, let buffers = of(bio) else { return 0 }
            let taken = buffers.read(target, count)
            if taken < 0 { shim_BIO_set_retry_read(bio) }
            return taken
        }
        BIO_meth_set_write(method) { bio, source, count in
            shim_BIO_clear_retry_flags(bio)
            guard let source, count > 0, let buffers = of(bio) else { return 0 }
            return buffers.write(source, count)
        }
        // Zero for the rest also turns down kernel TLS.
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()
}
