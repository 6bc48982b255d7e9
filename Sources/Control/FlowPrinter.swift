import FlowModel
import NIOCore
import ProxyKernel

/// Prints each flow when it has ended, as mitmdump does.
public struct FlowPrinter: FlowRecorder {
    /// Of a body that is held in a file, in bytes.
    private static let shownOfFile = 1 << 20

    let detail: Int
    private let isColoured: Bool
    let admits: @Sendable (AnyFlow) -> Bool

    /// `detail` is 0 to 4, as the option `flow_detail` says. Colours are for terminals.
    public init(detail: Int, isColoured: Bool, admits: @escaping @Sendable (AnyFlow) -> Bool) {
        self.detail = detail
        self.isColoured = isColoured
        self.admits = admits
    }

    public var wantsContent: Bool { detail >= 3 }

    public func record(_ flow: AnyFlow, sizes: BodySizes) {
        guard detail > 0, admits(flow) else { return }
        switch flow {
        case .http(let flow): Terminal.write(lines(of: flow.value, sizes))
        case .dns(let flow): Terminal.write(lines(of: flow))
        // Their messages were printed one by one.
        case .tcp, .udp: if let text = failure(of: flow) { Terminal.write(text) }
        }
    }

    /// Prints a flow that was read from a file.
    public func record(_ flow: AnyFlow) {
        guard case .http(let boxed) = flow else {
            if detail > 0, admits(flow) { Terminal.write(lines(of: flow)) }
            return
        }
        let http = boxed.value
        var sizes = BodySizes()
        sizes.request = http.request.content.isHeld ? http.request.content.size ?? 0 : 0
        sizes.response = http.response?.content.isHeld == true ? http.response?.content.size ?? 0 : 0
        record(flow, sizes: sizes)
        guard detail > 0, admits(flow), let socket = http.websocket?.value else { return }
        for message in socket.messages { Terminal.write(lines(of: message, in: http)) }
    }

    /// How a WebSocket has ended.
    private func end(of socket: WebSocketData) -> String {
        guard let code = socket.closeCode else { return "WebSocket is open, \(socket.kept.count) messages" }
        let closer = socket.isClosedByClient.map { $0 ? " by client" : " by server" } ?? ""
        let reason = socket.closeReason.map { $0.isEmpty ? "" : " \(Self.safe($0))" } ?? ""
        return "WebSocket closed\(closer): \(code)\(reason), \(socket.kept.count) message\(socket.kept.count == 1 ? "" : "s")"
    }

    public func lines(of flow: HTTPFlow, _ sizes: BodySizes) -> String {
        let client = flow.client.value.peername.description
        let request = flow.request
        let url = Self.safe(request.url)
        let isReadable = !request.method.isEmpty
        var text =
            "\(client): \(colour(.green, isReadable ? request.method.string : "unreadable request")) \(isReadable ? url : "")\n"
        if detail >= 2 { text += block(request.headers, request.trailers) }
        if detail >= 3 { text += body(request.content) }
        let indent = String(repeating: " ", count: max(client.utf8.count - 2, 0))
        if let error = flow.error {
            text += "\(indent)<< \(colour(.red, Self.safe(error.message)))\n"
        } else if let response = flow.response {
            let status = "\(response.statusCode) \(Self.safe(response.reason.string))"
            text += "\(indent)<< \(colour(response.statusCode < 400 ? .green : .red, status)) \(Self.size(sizes.response))\n"
            if detail >= 2 { text += block(response.headers, response.trailers) }
            if detail >= 3 { text += body(response.content) }
        }
        if let socket = flow.websocket?.value { text += "\(indent)<< \(end(of: socket))\n" }
        return text
    }

    private func block(_ headers: Headers, _ trailers: Headers?) -> String {
        (Array(headers) + Array(trailers ?? Headers())).map {
            "    \(colour(.cyan, $0.name.string)): \(Self.safe($0.value.string))\n"
        }.joined() + "\n"
    }

    func body(_ content: Content) -> String {
        switch content {
        case .missing: return ""
        case .omitted, .reference: return "    (body not kept)\n\n"
        case .bytes(let buffer):
            guard buffer.readableBytes > 0 else { return "" }
            return text(buffer.readableBytesView.prefix(detail >= 4 ? .max : 2048), of: buffer.readableBytes)
        case .file(let file):
            do throws(BodyFileFailure) {
                let shown = try file.read(at: 0, count: detail >= 4 ? Self.shownOfFile : 2048)
                return text(shown.readableBytesView, of: file.size)
            } catch {
                return "    (\(error))\n\n"
            }
        }
    }

    private func text(_ shown: ByteBufferView, of size: Int) -> String {
        let rest = size - shown.count
        return String(decoding: shown, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .map { "    \(Self.safe(String($0)))\n" }.joined()
            + (rest > 0 ? "    (cut off: \(rest) more bytes)\n\n" : "\n")
    }

    enum Colour: Int { case red = 31, green = 32, cyan = 36 }

    func colour(_ colour: Colour, _ text: String) -> String {
        isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Text of the network with its control characters made visible, so that none of them reaches the terminal.
    public static func safe(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
                result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// "12b", "1.5k", "3.2m": as mitmdump prints sizes.
    public static func size(_ bytes: Int) -> String {
        if bytes < 1024 { return "\(bytes)b" }
        var value = Double(bytes)
        for unit in ["k", "m", "g"] {
            value /= 1024
            if value < 1024 || unit == "g" { return "\((value * 10).rounded() / 10)\(unit)" }
        }
        return "\(bytes)b"
    }
}
