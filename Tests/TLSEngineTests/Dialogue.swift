import Foundation
import NIOCore

@testable import TLSEngine

/// Two connections that talk in memory, and what tests need to make them.
struct Dialogue {
    let client: TLSConnection
    let server: TLSConnection

    /// Carries bytes both ways until both sides are silent, and says how each handshake ended.
    func handshake() -> (client: TLSConnection.Handshake, server: TLSConnection.Handshake) {
        var ends: (client: TLSConnection.Handshake, server: TLSConnection.Handshake) = (.incomplete, .incomplete)
        for _ in 0..<10 {
            if ends.client == .incomplete { ends.client = client.handshake() }
            let toServer = client.takeCiphertext()
            if let toServer { server.receive(toServer) }
            if ends.server == .incomplete { ends.server = server.handshake() }
            let toClient = server.takeCiphertext()
            if let toClient { client.receive(toClient) }
            if toServer == nil, toClient == nil { break }
        }
        return ends
    }

    /// Sends text from one side to the other, and answers what arrived.
    func send(_ text: String, from sender: TLSConnection) -> String {
        let receiver = sender === client ? server : client
        _ = sender.write(ByteBuffer(string: text))
        if let bytes = sender.takeCiphertext() { receiver.receive(bytes) }
        var plaintext = ByteBuffer()
        while receiver.read(into: &plaintext).isBytes {}
        return String(buffer: plaintext)
    }
}

/// One authority, the file that makes clients trust it, and a place for files.
struct Stage {
    let authority: CertificateAuthority
    let leaves: LeafCache
    let folder: Folder
    let contexts = TLSContexts()

    init() throws {
        authority = try CertificateAuthority.make(name: "stage")
        leaves = try LeafCache(authority: authority)
        folder = try Folder()
        try authority.certificate.pem.write(toFile: trust, atomically: true, encoding: .utf8)
    }

    var trust: String { folder.path + "/trust.pem" }

    /// Settings that trust this authority only.
    var trusting: UpstreamSettings { UpstreamSettings(trustedCAFile: trust) }

    func leaf(_ names: String...) throws -> Leaf {
        try leaves.leaf(names: names, commonName: names.first, organization: nil)
    }

    /// A client that calls `host` and a server that shows `leaf`.
    func dialogue(
        _ host: String = "example.com", sni: String? = "example.com", leaf: Leaf? = nil,
        upstream: UpstreamSettings? = nil, facing: ClientFacingSettings = .init(), offers: [[UInt8]] = [],
        answer: [UInt8]? = nil, contexts: TLSContexts? = nil
    ) throws -> Dialogue {
        let contexts = contexts ?? self.contexts
        return Dialogue(
            client: try contexts.connectUpstream(upstream ?? trusting, host: host, port: 443, sni: sni, alpnOffers: offers),
            server: try contexts.acceptClient(facing, leaf: leaf ?? self.leaf("example.com"), alpn: answer))
    }
}

/// A new folder that is removed with the last reference.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "weir-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
        return "\(path)/\(name)"
    }

    func mode(_ name: String) throws -> Int {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int ?? -1
    }
}

/// Runs the `openssl` program, and answers its exit status and what it printed.
@discardableResult
func openssl(_ arguments: String...) throws -> (status: Int32, output: String) { try openssl(arguments: arguments) }

func openssl(arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
}
