/// The formats that were named after mitmproxy's releases: 0.11 to 3.0.
extension Conversion {
    static let releaseSteps: [Step] = [
        Step(.release(0, 11)) { _ in },
        Step(.release(0, 12)) { _ in },
        Step(.release(0, 13), namesOfMessages),
        Step(.release(0, 14)) { _ in },
        Step(.release(0, 15), contents),
        Step(.release(0, 16)) { (flow) throws(ConversionFailure) in
            try flow.edit("server_conn") { $0["peer_address"] = .null }
        },
        Step(.release(0, 17)) { (flow) throws(ConversionFailure) in
            try flow.edit("server_conn") { server in
                let address = server["peer_address"] ?? .null
                server["peer_address"] = nil
                server["ip_address"] = address
            }
            flow["marked"] = .bool(false)
        },
        Step(.release(0, 18), negotiatedTLS),
        Step(.release(0, 19)) { _ in },
        Step(.release(1, 0), bareAddresses),
        Step(.release(2, 0)) { (flow) throws(ConversionFailure) in
            try flow.edit("client_conn") { $0["mitmcert"] = .null }
            try flow.editServers { $0["tls_version"] = .null }
        },
        Step(.release(3, 0)) { _ in },
    ]

    private static func namesOfMessages(_ flow: inout SavedDict) throws(ConversionFailure) {
        try flow.edit("request") { (request) throws(ConversionFailure) in
            try request.rename("form_in", to: "first_line_format")
            try version(&request)
        }
        try flow.edit("response") { (response) throws(ConversionFailure) in
            try version(&response)
            try response.rename("code", to: "status_code")
            try response.rename("content", to: "body")
        }
        try flow.edit("server_conn") { (server) throws(ConversionFailure) in
            _ = try server.take("state")
            server["via"] = .null
        }
    }

    /// `[1, 1]` becomes `HTTP/1.1`.
    private static func version(_ message: inout SavedDict) throws(ConversionFailure) {
        let parts = (try message.take("httpversion").list ?? []).compactMap {
            if case .int(let number) = $0 { number } else { nil }
        }
        message["http_version"] = .bytes(Array("HTTP/\(parts.map { String($0) }.joined(separator: "."))".utf8))
    }

    private static func contents(_ flow: inout SavedDict) throws(ConversionFailure) {
        for side in ["request", "response"] {
            try flow.edit(side) { (message) throws(ConversionFailure) in
                if message["body"] != nil { try message.rename("body", to: "content") }
            }
        }
        try flow.edit("response") { (response) throws(ConversionFailure) in
            if response["msg"] != nil { try response.rename("msg", to: "reason") }
        }
        try flow.edit("request") { $0["form_out"] = nil }
    }

    private static func negotiatedTLS(_ flow: inout SavedDict) throws(ConversionFailure) {
        try flow.edit("request") { request in
            request["stickyauth"] = nil
            request["stickycookie"] = nil
        }
        try flow.edit("client_conn") { client in
            for name in ["sni", "alpn_proto_negotiated", "cipher_name", "tls_version"] { client[name] = .null }
        }
        try flow.editServers { $0["alpn_proto_negotiated"] = .null }
        flow["mode"] = .text("regular")
        flow["metadata"] = .dict([:])
    }

    /// `{"address": [host, port], "use_ipv6": …}` becomes `[host, port]`.
    private static func bareAddresses(_ flow: inout SavedDict) throws(ConversionFailure) {
        let bare = { (connection: inout SavedDict, name: String) throws(ConversionFailure) in
            try connection.edit(name) { (address) throws(ConversionFailure) in
                if address["address"] == nil { throw ConversionFailure("'address' is missing") }
            }
            if let address = connection[name]?.dict?["address"] { connection[name] = address }
        }
        try flow.edit("client_conn") { (client) throws(ConversionFailure) in try bare(&client, "address") }
        try flow.editServers { (server) throws(ConversionFailure) in
            for name in ["address", "source_address", "ip_address"] { try bare(&server, name) }
        }
    }
}
