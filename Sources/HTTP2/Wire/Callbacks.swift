import CNghttp2

/// nghttp2's callbacks, each handed on to the engine that its session belongs to; made once for all sessions.
struct Callbacks: @unchecked Sendable {
    static let shared = Callbacks()

    let pointer: OpaquePointer?
    let options: OpaquePointer?

    private static func engine(_ context: UnsafeMutableRawPointer?) -> Engine? {
        context.map { Unmanaged<Engine>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Where nghttp2 gets the bodies from that we send.
    static var provider: nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source()) { _, stream, _, limit, flags, _, context in
            guard let engine = Callbacks.engine(context), let flags else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
            return engine.dataWanted(stream, limit, &flags.pointee)
        }
    }

    private init() {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, head, context in
            guard let engine = Callbacks.engine(context), let head else { return 0 }
            return engine.frameBegan(head.pointee) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, _, context in
            Callbacks.engine(context)?.headersBegan()
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, nameLength, value, valueLength, _, context in
            Callbacks.engine(context)?.fieldReceived(
                UnsafeRawBufferPointer(start: name, count: nameLength), UnsafeRawBufferPointer(start: value, count: valueLength))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
            if let frame { Callbacks.engine(context)?.frameReceived(frame.pointee) }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, data, count, context in
            if let data { Callbacks.engine(context)?.dataReceived(stream, data, count) }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, context in
            Callbacks.engine(context)?.streamClosed(stream, code)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, context in
            if let frame { Callbacks.engine(context)?.frameSent(frame.pointee) }
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, head, count, _, context in
            guard let frame, let head, let engine = Callbacks.engine(context) else { return 0 }
            return engine.dataSent(frame.pointee.hd.stream_id, head, count) ? 0 : NGHTTP2_ERR_WOULDBLOCK.rawValue
        }
        nghttp2_session_callbacks_set_error_callback2(callbacks) { _, _, text, length, context in
            if let text {
                let bytes = UnsafeRawBufferPointer(start: text, count: length)
                Callbacks.engine(context)?.complained(String(decoding: bytes, as: UTF8.self))
            }
            return 0
        }
        pointer = callbacks

        var options: OpaquePointer?
        nghttp2_option_new(&options)
        // Windows open when a body goes on, which only we know.
        nghttp2_option_set_no_auto_window_update(options, 1)
        // Streams that are over need no memory: priorities are not scheduled by.
        nghttp2_option_set_no_closed_streams(options, 1)
        // A field section may be as long here as in HTTP/1.
        nghttp2_option_set_max_send_header_block_length(options, 512 * 1024)
        self.options = options
    }
}
