import FlowModel
import NIOCore
import Testing

@testable import FlowFiles

@Suite("flow files")
struct FlowFileScannerTests {
    /// One flow of each type, with what files can hold.
    static let flows: [AnyFlow] = {
        let client = Frozen(
            Client(
                id: "c", peername: .init(host: "::1", port: 1), sockname: .init(host: "h", port: 2), proxyMode: "regular",
                timestampStart: 1.5))
        var server = Server(id: "s", address: .init(host: "example", port: 443))
        server.via = ServerVia(scheme: "https", address: .init(host: "proxy", port: 8080))
        server.tls.certificateList = [ByteString([0xFF, 0x00])]
        let upstream = Frozen(server)
        var http = HTTPFlow(id: "1", client: client, server: upstream, timestampCreated: 2)
        http.request.content = .bytes(ByteBuffer(bytes: [0x00, 0xFF, 0x41]))
        http.keepBackup()
        http.response = Response()
        http.response?.headers.append(name: "a", value: "b")
        var websocket = WebSocketData()
        websocket.messages = [WebSocketMessage(.binary, isFromClient: true, content: ByteString([0xFE]), timestamp: 3)]
        http.websocket = Boxed(websocket)
        var tcp = TCPFlow(id: "2", client: client, server: upstream, timestampCreated: 2)
        tcp.messages = [StreamMessage(isFromClient: false, content: "x", timestamp: 4)]
        tcp.error = FlowError("broken", at: 5)
        let udp = UDPFlow(id: "3", client: client, server: upstream, timestampCreated: 2)
        var dns = DNSFlow(id: "4", client: client, server: upstream, timestampCreated: 2)
        var question = DNSQuestion()
        question.name = "example.org"
        dns.request.questions = [question]
        var answer = DNSMessage()
        var resource = DNSResource()
        resource.data = ByteString([127, 0, 0, 1])
        answer.answers = [resource]
        dns.response = answer
        return [http.any, .tcp(tcp), .udp(udp), .dns(dns)]
    }()

    static func written(_ flows: [AnyFlow]) throws -> [[UInt8]] { try flows.map { try SavedState.write($0).joined } }

    /// What comes out before the end or a failure.
    private func read(_ bytes: [UInt8], size: Int? = nil) -> (flows: [AnyFlow], failure: FlowFileFailure?) {
        var scanner = FlowFileScanner(size: size)
        bytes.withUnsafeBytes { scanner.received($0) }
        var flows: [AnyFlow] = []
        do throws(FlowFileFailure) {
            while let flow = try scanner.next() { flows.append(flow) }
            try scanner.ended()
            return (flows, nil)
        } catch {
            return (flows, error)
        }
    }

    @Test("a flow of every type that is written is the same when it is read", arguments: flows.indices)
    func roundTrip(index: Int) throws {
        let flow = Self.flows[index]
        let (flows, failure) = read(try Self.written([flow])[0])
        #expect(failure == nil)
        #expect(flows == [flow])
    }

    @Test("a file cut off at any byte gives every whole flow before, and names the place", arguments: [true, false])
    func cutOff(sizeIsKnown: Bool) throws {
        let parts = try Self.written(Self.flows)
        let whole = parts.flatMap { $0 }
        var boundaries = [0]
        for part in parts { boundaries.append((boundaries.last ?? 0) + part.count) }
        for end in 0...whole.count {
            let (flows, failure) = read(Array(whole[..<end]), size: sizeIsKnown ? end : nil)
            let complete = boundaries.lastIndex { $0 <= end } ?? 0
            #expect(flows == Array(Self.flows[..<complete]))
            #expect((failure == nil) == (boundaries[complete] == end), "cut off at \(end)")
            if let failure { #expect(failure.offset == end, "cut off at \(end): \(failure)") }
        }
    }

    @Test("a file with any byte damaged gives every whole flow before, and no failure points outside")
    func damaged() throws {
        let parts = try Self.written(Self.flows)
        let whole = parts.flatMap { $0 }
        var refused = 0
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x55
            let (flows, failure) = read(bytes, size: bytes.count)
            let before = parts.indices.prefix { parts[...$0].reduce(0) { $0 + $1.count } <= index }.count
            #expect(Array(flows.prefix(before)) == Array(Self.flows[..<before]), "byte \(index)")
            if let failure {
                refused += 1
                #expect((0...bytes.count).contains(failure.offset), "byte \(index): \(failure)")
            }
        }
        #expect(refused > whole.count / 3)
    }

    @Test("a state that is not one is refused with the place in it")
    func refusesStates() throws {
        let part = try Self.written([Self.flows[1]])[0]
        let failure = read(part.replacing(Array("3:tcp;".utf8), with: Array("3:rtp;".utf8))).failure
        #expect(failure?.offset == 0)
        #expect(
            failure?.found.contains("flow.type: expected a type of flow (http, tcp, udp, dns), found \"rtp\"") == true,
            "\(String(describing: failure))")
    }

    @Test(
        "versions that cannot be read are named",
        arguments: [
            (SavedValue.list([.int(0), .int(10)]), "(0, 10), too old"), (.int(22), "22, newer than this Weir knows"),
            (.int(3), "3, which does not exist"), (.text("x"), "no version"),
        ])
    func refusesVersions(version: SavedValue, words: String) {
        var conversion = Conversion()
        let failure = #expect(throws: ConversionFailure.self) { try conversion.convert(["version": version]) }
        #expect(failure?.description.contains(words) == true)
    }

    @Test("every step refuses a flow that lacks what it needs, and none crashes", arguments: Conversion.steps.map(\.from))
    func stepsRefuse(version: FormatVersion) {
        var conversion = Conversion()
        let saved: SavedValue =
            switch version {
            case .number(let number): .int(number)
            case .release(let major, let minor): .list([.int(major), .int(minor)])
            }
        for wrong in [SavedDict(), ["client_conn": .int(1)], ["client_conn": .dict([:]), "server_conn": .dict([:])]] {
            var flow = wrong
            flow["version"] = saved
            // Formats from 19 on changed only what may be missing.
            _ = try? conversion.convert(flow)
        }
        #expect(throws: ConversionFailure.self) { try conversion.convert(["version": saved]) }
    }
}
