import AddonWire
import Schema

/// A worker that hooks nothing and makes calls, one after another: how the command line speaks with a running core.
///
/// It connects to the core's `--addon-socket` and blocks while it waits, 15 seconds at most for each answer.
public final class CoreClient {
    /// Answers are read up to this length; a longer one ends the connection.
    public static let longestLine = 512 << 20
    /// The code of a refusal that says that there is no such flow.
    public static let noFlow = -32012
    private static let patience = 15

    private let socket: LineSocket
    private let reader = JSONReader()
    private let granted: [String]
    private var lastID = 0

    /// Connects and does the handshake. `methods` are the calls that will be made; those that are denied fail when they are made.
    public init(socket path: String, name: String, version: String, methods: [String]) throws(CoreClientFailure) {
        socket = try LineSocket(path, seconds: Self.patience, longestLine: Self.longestLine)
        let opening = try Self.message(from: socket, reader)
        guard case .call(let id, "initialize", let params) = opening else {
            throw .connection(
                "socket '\(path)': expected the core's `initialize`, found something else; is this its addon socket?")
        }
        let offered = params["protocol"]?.array?.compactMap(\.int) ?? []
        guard offered.contains(where: InitializeRequest.versions.contains) else {
            let versions = offered.map(String.init).joined(separator: ", ")
            throw .connection("socket '\(path)': the core speaks version \(versions) of the protocol, this program version 1")
        }
        let result: JSON = [
            "protocol": 1, "name": .string(name), "version": .string(version), "hooks": [],
            "limits": ["max_line": .int(Self.longestLine)], "permissions": .array(methods.map { .string($0) }),
        ]
        try socket.send(Self.line(["jsonrpc": "2.0", "id": id, "result": result]))
        while true {
            guard case .notification("initialized", let params) = try Self.message(from: socket, reader) else { continue }
            granted = params["permissions"]?.array?.compactMap(\.string) ?? []
            return
        }
    }

    /// The result of one call.
    public func call(_ method: String, _ params: JSON) throws(CoreClientFailure) -> JSON {
        guard granted.contains(method) else {
            throw .denied("the core does not grant '\(method)' to this program: see its option addon_permissions")
        }
        lastID += 1
        try socket.send(Self.line(["jsonrpc": "2.0", "id": .int(lastID), "method": .string(method), "params": params]))
        while true {
            switch try Self.message(from: socket, reader) {
            case .result(lastID, let result): return result
            case .error(lastID, let code, let message): throw .refused(code: code, message: message)
            case .malformedReply(lastID, let what): throw .connection("the core's answer to '\(method)' cannot be read: \(what)")
            case .call(let id, _, _): try socket.send(Self.line(["jsonrpc": "2.0", "id": id, "result": [:]]))
            case .result, .error, .malformedReply, .notification: continue
            }
        }
    }

    private static func message(from socket: LineSocket, _ reader: JSONReader) throws(CoreClientFailure) -> Incoming {
        let line = try socket.receive()
        do {
            return try Incoming(try reader.read(line))
        } catch {
            throw .connection("the core's line cannot be read: \(error)")
        }
    }

    private static func line(_ message: JSON) -> [UInt8] { message.encoded + [0x0A] }
}
