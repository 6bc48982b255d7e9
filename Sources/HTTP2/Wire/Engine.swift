import CNghttp2
import FlowModel
import NIOCore

/// What an engine has to tell. Called while bytes are fed to it; only submissions may be made meanwhile, nothing fed or taken.
protocol EngineEvents: AnyObject {
    /// A field section is complete: a request's, a response's, an interim response's or trailers.
    func received(_ block: HeaderBlock, on stream: Int32, endsStream: Bool)
    /// A part of a body.
    func received(_ bytes: ByteBuffer, on stream: Int32)
    /// The peer's side of the stream is complete.
    func ended(_ stream: Int32)
    /// The stream is over on both sides, or was reset with that code.
    func closed(_ stream: Int32, code: UInt32)
    /// Our side of the stream was sent to its end.
    func sentEnd(of stream: Int32)
    /// The stream's queue has room again.
    func drained(_ stream: Int32)
    /// The peer's settings came, at the start or anew.
    func settingsChanged()
    func goneAway(lastStream: Int32, code: UInt32)
    func received(_ priority: nghttp2_priority_spec, on stream: Int32)
    func pong()
}

/// HTTP/2 without I/O (RFC 9113): nghttp2's session, owned. Bytes in by `feed`, events out, bytes out by `take`.
///
/// nghttp2 keeps the rules of frames, streams, field lists and messages and answers violations itself; `FloodGuard` keeps those of
/// quantity. After `feed` has failed, what `take` still gives is the farewell, then the connection is to be closed.
final class Engine {
    enum Role { case client, server }

    /// What a stream may hold unsent before its producer is to pause, and where it may go on.
    private static let highWaterMark = 256 * 1024
    private static let lowWaterMark = 64 * 1024

    let role: Role
    weak var events: (any EngineEvents)?
    /// Set by nghttp2's or our own judgment of the peer, for people.
    private(set) var complaint: String?
    let limits: EngineLimits
    private var session: OpaquePointer?
    private var guardian: FloodGuard
    private var input = ByteBuffer()
    private var inputBase: UnsafeRawPointer?
    private var output = ByteBuffer()
    private var outputLimit = 0
    private var block: HeaderBlock?
    private var outgoing: [Int32: OutgoingBody] = [:]
    private var drainedStreams: [Int32] = []
    private var isBusy = false
    /// Where nghttp2 has made the last frame, and whether it may look there again.
    private var lastFrame: (place: UnsafeRawPointer?, isInUse: Bool) = (nil, false)
    /// The defence that ended the connection, if one did.
    private(set) var flood: FloodGuard.Kind?

    init(_ role: Role, limits: EngineLimits) {
        self.role = role
        self.limits = limits
        guardian = FloodGuard(role, limits)
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        switch role {
        case .client:
            nghttp2_session_client_new3(
                &session, Callbacks.shared.pointer, pointer, Callbacks.shared.options, PageMemory.allocator)
        case .server:
            nghttp2_session_server_new3(
                &session, Callbacks.shared.pointer, pointer, Callbacks.shared.options, PageMemory.allocator)
        }
        let settings = limits.settings(role)
        nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        nghttp2_session_set_local_window_size(session, 0, 0, Int32(limits.connectionWindow))
    }

    deinit { nghttp2_session_del(session) }

    // MARK: Bytes

    /// Reads what the peer sent; false if the connection cannot go on.
    func feed(_ bytes: ByteBuffer, now: NIODeadline) -> Bool {
        isBusy = true
        defer { isBusy = false }
        guardian.now = now
        input = bytes
        let result = bytes.withUnsafeReadableBytes { buffer -> Int in
            inputBase = buffer.baseAddress
            defer { inputBase = nil }
            return nghttp2_session_mem_recv(session, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
        }
        input = ByteBuffer()
        if flood != nil { return terminate(NGHTTP2_ENHANCE_YOUR_CALM) }
        if result < 0 {
            complaint = complaint ?? String(cString: nghttp2_strerror(Int32(result)))
            return terminate(NGHTTP2_PROTOCOL_ERROR)
        }
        return isAlive
    }

    private func terminate(_ code: nghttp2_error_code) -> Bool {
        nghttp2_session_terminate_session(session, code.rawValue)
        return false
    }

    /// False when nothing more is to be read or written.
    var isAlive: Bool { nghttp2_session_want_read(session) != 0 || nghttp2_session_want_write(session) != 0 }

    /// Frames that are ready to be sent, about `limit` bytes of them; empty if there are none.
    func take(limit: Int) -> ByteBuffer {
        guard !isBusy else { return ByteBuffer() }
        isBusy = true
        output = ByteBuffer()
        outputLimit = limit
        while output.readableBytes < limit {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            // The head of a DATA frame that is held back stands there as well.
            lastFrame.isInUse = count > 0 || output.readableBytes >= limit
            guard count > 0, let bytes else { break }
            lastFrame.place = UnsafeRawPointer(bytes)
            output.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
        }
        isBusy = false
        let taken = output
        output = ByteBuffer()
        for stream in drainedStreams { events?.drained(stream) }
        drainedStreams.removeAll(keepingCapacity: true)
        return taken
    }

    /// Gives up memory that the next frame gets anew.
    func rest() {
        guard !isBusy, !lastFrame.isInUse, let place = lastFrame.place else { return }
        PageMemory.shared.empty(around: place)
        lastFrame.place = nil
    }

    // MARK: Submissions

    /// Opens a stream; nil if the connection takes no more. Without a body the stream ends with its fields.
    func submitRequest(_ fields: inout FieldList, hasBody: Bool, priority: nghttp2_priority_spec?) -> Int32? {
        let id = fields.withFields { list, count in
            withUnsafePointer(to: priority ?? nghttp2_priority_spec()) { spec in
                withUnsafePointer(to: Callbacks.provider) { provider in
                    nghttp2_submit_request(session, priority == nil ? nil : spec, list, count, hasBody ? provider : nil, nil)
                }
            }
        }
        guard id > 0 else { return nil }
        if hasBody { outgoing[id] = OutgoingBody() }
        return id
    }

    func submitResponse(_ fields: inout FieldList, on stream: Int32, hasBody: Bool) {
        if hasBody { outgoing[stream] = OutgoingBody() }
        _ = fields.withFields { list, count in
            withUnsafePointer(to: Callbacks.provider) { provider in
                nghttp2_submit_response(session, stream, list, count, hasBody ? provider : nil)
            }
        }
    }

    func submitInterim(_ fields: inout FieldList, on stream: Int32) {
        _ = fields.withFields { list, count in
            nghttp2_submit_headers(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, list, count, nil)
        }
    }

    /// Queues a part of a body.
    func send(_ bytes: ByteBuffer, on stream: Int32) {
        guard bytes.readableBytes > 0, let body = outgoing[stream] else { return }
        body.append(bytes)
        resume(body, of: stream)
    }

    /// Queues the end of a body.
    func end(_ stream: Int32, trailers: Headers?) {
        guard let body = outgoing[stream] else { return }
        body.end(trailers)
        resume(body, of: stream)
    }

    private func resume(_ body: OutgoingBody, of stream: Int32) {
        guard body.isDeferred else { return }
        body.isDeferred = false
        nghttp2_session_resume_data(session, stream)
    }

    /// Whether the stream's producer may go on.
    func takesBody(_ stream: Int32) -> Bool { (outgoing[stream]?.size ?? 0) < Self.highWaterMark }

    func reset(_ stream: Int32, _ code: nghttp2_error_code) {
        nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
    }

    /// Gives the peer room for that many bytes more on a stream; the connection's room was given at once.
    func consume(_ count: Int, on stream: Int32) {
        guard count > 0 else { return }
        nghttp2_session_consume_stream(session, stream, count)
    }

    func ping() { nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil) }

    /// Says that no more streams will be taken soon, and takes those that come until `goAway`.
    func giveNotice() { nghttp2_submit_shutdown_notice(session) }

    /// Takes no more streams: those that are there go on.
    func goAway() {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
    }

    func submitPriority(_ priority: nghttp2_priority_spec, on stream: Int32) {
        var priority = priority
        nghttp2_submit_priority(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, &priority)
    }

    /// Begins as if stream 1 had come in HTTP/1 with `Upgrade: h2c` (RFC 7540 3.2); false if the settings are not valid.
    func upgrade(settings: [UInt8], isHead: Bool) -> Bool {
        nghttp2_session_upgrade2(session, settings, settings.count, isHead ? 1 : 0, nil) == 0
    }

    // MARK: What the peer allows

    /// The peer's value of a setting, its default before it has said any.
    func peerSetting(_ setting: nghttp2_settings_id) -> Int { Int(nghttp2_session_get_remote_settings(session, setting)) }

    var mayOpenStreams: Bool { nghttp2_session_check_request_allowed(session) != 0 }
}

// MARK: - nghttp2's callbacks

extension Engine {
    /// Counts a frame whose head has come; false if there are too many of its kind.
    func frameBegan(_ head: nghttp2_frame_hd) -> Bool {
        guard let kind = guardian.received(head) else { return true }
        flood = kind
        complaint = "too many \(kind.frames)"
        return false
    }

    func headersBegan() { block = HeaderBlock() }

    func fieldReceived(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        block?.append(name, value, limit: limits.fieldList)
    }

    func frameReceived(_ frame: nghttp2_frame) {
        let stream = frame.hd.stream_id
        let endsStream = frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            guard let block = block.take() else { return }
            events?.received(block, on: stream, endsStream: endsStream)
            if frame.hd.flags & UInt8(NGHTTP2_FLAG_PRIORITY.rawValue) != 0 {
                events?.received(frame.headers.pri_spec, on: stream)
            }
            if endsStream { events?.ended(stream) }
        case NGHTTP2_DATA: if endsStream { events?.ended(stream) }
        case NGHTTP2_PRIORITY: events?.received(frame.priority.pri_spec, on: stream)
        case NGHTTP2_SETTINGS:
            if frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 { events?.settingsChanged() }
        case NGHTTP2_PING: if frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { events?.pong() }
        case NGHTTP2_GOAWAY: events?.goneAway(lastStream: frame.goaway.last_stream_id, code: frame.goaway.error_code)
        default: break
        }
    }

    func dataReceived(_ stream: Int32, _ data: UnsafePointer<UInt8>, _ count: Int) {
        // One slow stream must not hold up the others: the connection's window is opened at once, the stream's as its body goes on.
        nghttp2_session_consume_connection(session, count)
        guard let inputBase else { return }
        let offset = UnsafeRawPointer(data) - inputBase
        if offset >= 0, let slice = input.getSlice(at: input.readerIndex + offset, length: count) {
            events?.received(slice, on: stream)
        } else {
            events?.received(ByteBuffer(bytes: UnsafeRawBufferPointer(start: data, count: count)), on: stream)
        }
    }

    func streamClosed(_ stream: Int32, _ code: UInt32) {
        outgoing[stream] = nil
        events?.closed(stream, code: code)
    }

    func frameSent(_ frame: nghttp2_frame) {
        let type = nghttp2_frame_type(UInt32(frame.hd.type))
        if type == NGHTTP2_GOAWAY, frame.goaway.error_code != NGHTTP2_NO_ERROR.rawValue {
            complaint = complaint ?? errorName(frame.goaway.error_code)
        }
        guard type == NGHTTP2_DATA || type == NGHTTP2_HEADERS,
            frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        else { return }
        events?.sentEnd(of: frame.hd.stream_id)
    }

    /// How much of the stream's body goes into the next DATA frame.
    func dataWanted(_ stream: Int32, _ limit: Int, _ flags: inout UInt32) -> Int {
        guard let body = outgoing[stream] else {
            flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
            return 0
        }
        let count = min(limit, body.size)
        if count == body.size, body.isEnded {
            flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if let trailers = body.trailers {
                flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                var fields = FieldList()
                fields.append(trailers)
                _ = fields.withFields { nghttp2_submit_trailer(session, stream, $0, $1) }
            }
        } else if count == 0 {
            body.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        if count > 0 { flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
        return count
    }

    /// Writes a DATA frame whose data nghttp2 has not copied; false if it is to be held back, since enough is written: all that waits on a
    /// stream would be written at once.
    func dataSent(_ stream: Int32, _ head: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard output.readableBytes < outputLimit else { return false }
        output.reserveCapacity(minimumWritableBytes: 9 + count)
        output.writeBytes(UnsafeRawBufferPointer(start: head, count: 9))
        guard let body = outgoing[stream] else { return true }
        let before = body.size
        body.move(count, into: &output)
        if before > Self.lowWaterMark, before - count <= Self.lowWaterMark { drainedStreams.append(stream) }
        return true
    }

    func complained(_ text: String) { complaint = text }
}
