/// Reason phrases of the statuses that the proxy itself answers with (RFC 9110 15).
package enum StatusText {
    package static func of(_ status: Int) -> String {
        switch status {
        case 200: "Connection established"
        case 400: "Bad Request"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}
