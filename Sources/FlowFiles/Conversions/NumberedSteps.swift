/// The formats with numbers of their own: 4 to 20.
extension Conversion {
    static let numberedSteps: [Step] = [
        Step(.number(4), connectionIdentifiers),
        Step(.number(5)) { (flow) throws(ConversionFailure) in
            try flow.editConnections { (connection) throws(ConversionFailure) in
                try connection.rename("ssl_established", to: "tls_established")
                try connection.rename("timestamp_ssl_setup", to: "timestamp_tls_setup")
            }
        },
        Step(.number(6)) { (flow) throws(ConversionFailure) in
            try flow.edit("client_conn") { $0["tls_extensions"] = .null }
        },
        Step(.number(7)) { (flow) throws(ConversionFailure) in
            for side in ["request", "response"] { try flow.editIfPresent(side) { $0["trailers"] = .null } }
        },
        Step(.number(8), replays),
        Step(.number(9), connections),
        Step(.number(10), negotiatedNames),
        Step(.number(11), webSockets),
        Step(.number(12)) { flow in
            flow["marked"] = .text(flow["marked"]?.isEmpty == false ? ":default:" : "")
        },
        Step(.number(13), responseTimes),
        Step(.number(14)) { (flow) throws(ConversionFailure) in
            try flow.editIfPresent("websocket") { websocket in
                let messages = (websocket["messages"]?.list ?? []).map { message in
                    message.list.map { .list($0 + [.bool(false)]) } ?? message
                }
                websocket["messages"] = .list(messages)
            }
        },
        Step(.number(15)) { (flow) throws(ConversionFailure) in
            let first = (flow["request"] ?? flow["client_conn"])?.dict
            guard let time = first?["timestamp_start"] else { throw ConversionFailure("'timestamp_start' is missing") }
            flow["timestamp_created"] = time
        },
        Step(.number(16)) { $0["mode"] = nil },
        Step(.number(17)) { (flow) throws(ConversionFailure) in
            try flow.edit("client_conn") { $0["proxy_mode"] = .text("regular") }
        },
        Step(.number(18), peers),
        Step(.number(19)) { (flow) throws(ConversionFailure) in
            try flow.edit("client_conn") { $0["state"] = nil }
            try flow.edit("server_conn") { $0["state"] = nil }
        },
        Step(.number(20)) { (flow) throws(ConversionFailure) in
            for side in ["client_conn", "server_conn"] {
                try flow.edit(side) { connection in
                    if connection["tls_version"]?.string == "QUIC" { connection["tls_version"] = .text("QUICv1") }
                }
            }
        },
    ]

    /// Connections had no ids: those with the same beginning are the same, in every flow and every file.
    private static func connectionIdentifiers(_ flow: inout SavedDict) throws(ConversionFailure) {
        try flow.edit("client_conn") { client in
            client["id"] = .text(DerivedIdentifier.uuid("client", [client["timestamp_start"], client["address"]]))
        }
        try flow.editServers { server in
            server["id"] = .text(DerivedIdentifier.uuid("server", [server["timestamp_start"], server["source_address"]]))
        }
    }

    /// `is_replay` moves from the messages to the flow.
    private static func replays(_ flow: inout SavedDict) throws(ConversionFailure) {
        var replayed: String?
        try flow.editIfPresent("response") { response in
            if response["is_replay"]?.isEmpty == false { replayed = "response" }
            response["is_replay"] = nil
        }
        try flow.editIfPresent("request") { (request) throws(ConversionFailure) in
            _ = try request.take("first_line_format")
            request["authority"] = .bytes([])
            if request["is_replay"]?.isEmpty == false { replayed = "request" }
            request["is_replay"] = nil
        }
        flow["is_replay"] = replayed.map { .text($0) } ?? .null
    }

    private static func connections(_ flow: inout SavedDict) throws(ConversionFailure) {
        func common(_ connection: inout SavedDict, certificate: String) {
            let list = { (value: SavedValue?) -> SavedValue? in
                guard let value, !value.isEmpty else { return nil }
                return .list([value])
            }
            connection["certificate_list"] = list(connection[certificate]) ?? .list([])
            connection[certificate] = nil
            connection["state"] = .int(0)
            connection["error"] = .null
            connection["tls"] = connection["tls_established"] ?? .bool(false)
            connection["alpn_offers"] = list(connection["alpn_proto_negotiated"]) ?? .null
            connection["cipher_list"] = list(connection["cipher_name"]) ?? .null
        }
        try flow.edit("client_conn") { client in
            client["sockname"] = .list([.text(""), .int(0)])
            common(&client, certificate: "clientcert")
        }
        try flow.editServers { server in
            server["cipher_name"] = .null
            server["via2"] = .null
            common(&server, certificate: "cert")
        }
    }

    private static func negotiatedNames(_ flow: inout SavedDict) throws(ConversionFailure) {
        try flow.editConnections { (connection) throws(ConversionFailure) in
            connection["sni"] = (connection["sni"] ?? .null).unescapedText(asciiOnly: true)
            try connection.rename("alpn_proto_negotiated", to: "alpn")
            for name in ["alpn_offers", "cipher_list"] where connection[name]?.isEmpty != false { connection[name] = .list([]) }
        }
    }

    /// A response that an addon made had no times.
    private static func responseTimes(_ flow: inout SavedDict) throws(ConversionFailure) {
        flow["comment"] = .text("")
        guard flow["response"]?.dict?["timestamp_start"] == .null, let end = flow["request"]?.dict?["timestamp_end"] else {
            return
        }
        try flow.edit("response") { response in
            response["timestamp_start"] = end
            switch end {
            case .int(let time): response["timestamp_end"] = .int(time &+ 1)
            case .double(let time): response["timestamp_end"] = .double(time + 1)
            default: break
            }
        }
    }

    private static func peers(_ flow: inout SavedDict) throws(ConversionFailure) {
        func common(_ connection: inout SavedDict) {
            connection["tls_established"] = nil
            connection["cipher"] = connection["cipher_name"] ?? .null
            connection["cipher_name"] = nil
            if connection["transport_protocol"] == nil { connection["transport_protocol"] = .text("tcp") }
            for name in ["peername", "sockname", "address"] {
                guard case .list(var parts) = connection[name] ?? .null, let host = parts.first else { continue }
                parts[0] = host.unescapedText(asciiOnly: false)
                connection[name] = .list(parts)
            }
        }
        try flow.edit("client_conn") { client in
            client["peername"] = client["address"] ?? .null
            client["address"] = nil
            if (client["timestamp_start"] ?? .null) == .null { client["timestamp_start"] = .double(0) }
            client["tls_extensions"] = nil
            common(&client)
        }
        try flow.edit("server_conn") { server in
            for (old, new) in [("ip_address", "peername"), ("source_address", "sockname"), ("via2", "via")] {
                let value = server[old] ?? .null
                server[old] = nil
                server[new] = value
            }
            common(&server)
            if server["sni"] == .bool(true) { server["sni"] = server["address"]?.list?.first ?? .null }
        }
    }
}
