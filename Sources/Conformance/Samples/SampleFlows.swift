import FlowModel
import HTTPExchange
import NIOCore
import ProxyKernel
import SOCKS
import Schema

/// Samples of each hook, made of the core's own records.
enum SampleFlows {
    private static let time = 1_763_700_000.5

    /// Nil for a hook whose payload has no sample here.
    static func make(_ hook: any AnyHook, _ traits: SampleTraits, options: JSONObject) -> Sample? {
        switch hook {
        case let hook as Hook<EmptyEvent>: return Sample(hook, EmptyEvent())
        case let hook as Hook<ConfigureEvent>:
            return Sample(hook, ConfigureEvent(options: .object(options), updated: options.members.map(\.key)))
        case let hook as Hook<LogEvent>:
            return Sample(hook, LogEvent(entry: LogEntry(level: "info", message: "a line of the log", timestamp: time)))
        case let hook as Hook<ClientEvent>: return Sample(hook, ClientEvent(client: client(traits)))
        case let hook as Hook<ServerEvent>:
            return Sample(hook, ServerEvent(server: server(traits), client: Frozen(client(traits))))
        case let hook as Hook<TLSEvent>:
            return Sample(hook, TLSEvent(client: Frozen(client(traits)), server: Frozen(server(traits))))
        case let hook as Hook<ClientHelloEvent>:
            var hello = HelloRecord()
            hello.sni = traits.host
            hello.alpnProtocols = ["h2", "http/1.1"]
            (hello.cipherSuites, hello.extensions, hello.supportedVersions) = ([4865, 4866], [0, 10, 16, 43], [772, 771])
            return Sample(
                hook, ClientHelloEvent(hello: hello, client: Frozen(client(traits)), server: Frozen(server(traits))))
        case let hook as Hook<NextLayerEvent>:
            let begin: ByteString = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
            return Sample(
                hook,
                NextLayerEvent(
                    client: Frozen(client(traits)), server: Frozen(server(traits)), dataClient: begin, layer: "http"))
        case let hook as Hook<SOCKSAuthEvent>:
            return Sample(
                hook, SOCKSAuthEvent(client: Frozen(client(traits)), username: "user", password: "secret", isValid: true))
        case let hook as Hook<FlowEvent>: return Sample(hook, FlowEvent(http(traits, at: hook)))
        case let hook as Hook<WebSocketEvent>:
            let message = WebSocketMessage(.text, isFromClient: true, content: "Hello", timestamp: time + 1)
            var flow = http(traits, at: hook)
            flow.websocket = Boxed(WebSocketData())
            if hook.index == WebSocketHooks.table.error.index { flow.error = FlowError("the connection broke", at: time + 2) }
            return hook.index == WebSocketHooks.table.message.index
                ? Sample(hook, WebSocketEvent(flow, newest: message, before: 0)) : Sample(hook, WebSocketEvent(flow))
        case let hook as Hook<TCPFlowEvent>: return transport(hook, TCPHooks.table, traits)
        case let hook as Hook<UDPFlowEvent>: return transport(hook, UDPHooks.table, traits)
        case let hook as Hook<DNSFlowEvent>: return Sample(hook, DNSFlowEvent(dns(traits, at: hook)))
        default: return nil
        }
    }

    private static func client(_ traits: SampleTraits) -> Client {
        var client = Client(
            id: Identifier.uuid4(), peername: Address(host: "192.0.2.7", port: 51234),
            sockname: Address(host: "192.0.2.1", port: 8080), proxyMode: "regular", timestampStart: time)
        if traits.scheme == "https" {
            client.tls.isUsed = true
            (client.tls.alpn, client.tls.alpnOffers) = ("h2", ["h2", "http/1.1"])
            (client.tls.cipher, client.tls.version, client.tls.sni) = ("TLS_AES_128_GCM_SHA256", "TLSv1.3", traits.host)
            client.tls.timestampSetup = time
        }
        return client
    }

    private static func server(_ traits: SampleTraits) -> Server {
        var server = Server(id: Identifier.uuid4(), address: Address(host: traits.host, port: port(traits)))
        server.peername = Address(host: "198.51.100.1", port: port(traits))
        server.sockname = Address(host: "192.0.2.1", port: 40000)
        (server.timestampStart, server.timestampTCPSetup) = (time, time)
        return server
    }

    private static func port(_ traits: SampleTraits) -> Int { traits.scheme == "https" ? 443 : 80 }

    private static func http(_ traits: SampleTraits, at hook: any AnyHook) -> HTTPFlow {
        var flow = HTTPFlow(
            id: Identifier.uuid4(), client: Frozen(client(traits)), server: Frozen(server(traits)), timestampCreated: time)
        let hooks = HTTPHooks.table
        let isConnect = [hooks.connect, hooks.connected, hooks.connectError, hooks.connectUpstream].contains {
            $0.index == hook.index
        }
        flow.request.method = isConnect ? "CONNECT" : traits.method
        (flow.request.scheme, flow.request.host, flow.request.port) = (traits.scheme, traits.host, port(traits))
        flow.request.authority = isConnect ? ByteString("\(traits.host):\(port(traits))") : ""
        flow.request.path = isConnect ? "/" : traits.path
        (flow.request.timestampStart, flow.request.timestampEnd) = (time, time)
        if !traits.isOdd {
            flow.request.headers.append(name: "Host", value: ByteString(traits.host))
            flow.request.headers.append(name: "User-Agent", value: "curl/8.0")
            flow.request.headers.append(name: "Accept", value: "*/*")
            flow.request.headers.append(name: "Cookie", value: "a=1; b=2")
            flow.request.headers.append(name: SampleTraits.header, value: traits.value)
            if !traits.requestBody.bytes.isEmpty { flow.request.headers.append(name: "Content-Type", value: traits.requestType) }
        }
        flow.request.content = .bytes(ByteBuffer(bytes: traits.requestBody.bytes))
        if hook.index == hooks.error.index || hook.index == hooks.connectError.index {
            flow.error = FlowError("server \(traits.host):\(port(traits)) refused the connection", at: time + 1)
        }
        let hasResponse =
            [hooks.responseheaders, hooks.response, hooks.connected].contains { $0.index == hook.index }
            || hook is Hook<WebSocketEvent>
        if hasResponse { flow.response = response(traits, isConnect: isConnect, isUpgrade: hook is Hook<WebSocketEvent>) }
        return flow
    }

    private static func response(_ traits: SampleTraits, isConnect: Bool, isUpgrade: Bool) -> Response {
        var response = Response()
        response.statusCode = isUpgrade ? 101 : isConnect ? 200 : traits.status
        response.reason = traits.isOdd ? "" : "OK"
        (response.timestampStart, response.timestampEnd) = (time + 1, time + 1)
        if !traits.isOdd {
            response.headers.append(name: "Server", value: "sample")
            response.headers.append(name: "Content-Type", value: traits.type)
            response.headers.append(name: "Set-Cookie", value: "a=1")
            response.headers.append(name: "Set-Cookie", value: "b=2")
            response.headers.append(name: SampleTraits.header, value: traits.value)
        }
        let isEmpty = traits.isOdd || isConnect || isUpgrade
        response.content = .bytes(ByteBuffer(bytes: isEmpty ? [] : traits.body.bytes))
        return response
    }

    private static func transport<Carrier: EventfulTransport>(
        _ hook: Hook<TransportEvent<Carrier>>, _ hooks: TransportHooks<Carrier>, _ traits: SampleTraits
    ) -> Sample {
        var flow = TransportFlow<Carrier>(
            id: Identifier.uuid4(), client: Frozen(client(traits)), server: Frozen(server(traits)), timestampCreated: time)
        let message = StreamMessage(isFromClient: true, content: traits.body, timestamp: time)
        if hook.index == hooks.error.index { flow.error = FlowError("the connection broke", at: time) }
        return hook.index == hooks.message.index
            ? Sample(hook, TransportEvent(flow, message, messagesBefore: 3)) : Sample(hook, TransportEvent(flow))
    }

    private static func dns(_ traits: SampleTraits, at hook: any AnyHook) -> DNSFlow {
        var flow = DNSFlow(
            id: Identifier.uuid4(), client: Frozen(client(traits)), server: Frozen(server(traits)), timestampCreated: time)
        var question = DNSQuestion()
        question.name = traits.host
        flow.request.questions = [question]
        if hook.index == DNSHooks.table.error.index { flow.error = FlowError("no server answered", at: time) }
        if hook.index == DNSHooks.table.response.index {
            var resource = DNSResource()
            (resource.name, resource.data) = (traits.host, ByteString([192, 0, 2, 80]))
            var answer = flow.request
            (answer.isQuery, answer.answers) = (false, [resource])
            flow.response = answer
        }
        return flow
    }
}
