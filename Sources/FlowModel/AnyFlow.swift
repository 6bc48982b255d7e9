import Schema

/// A flow of any type, as files, filters and scripts on saved flows have it. Behind one reference.
public enum AnyFlow: Sendable, Equatable {
    /// In its exchange's box: the registry takes each request's in when it has ended, and need not copy it.
    case http(Boxed<HTTPFlow>)
    indirect case tcp(TCPFlow)
    indirect case udp(UDPFlow)
    indirect case dns(DNSFlow)

    /// The flow that `json` is the whole state of, by the type that it names.
    public static func restored(from json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> AnyFlow {
        switch try kind(of: json, at: path()) {
        case .http: .http(try Boxed.restored(from: json, at: path()))
        case .tcp: .tcp(try TCPFlow.restored(from: json, at: path()))
        case .udp: .udp(try UDPFlow.restored(from: json, at: path()))
        case .dns: .dns(try DNSFlow.restored(from: json, at: path()))
        }
    }

    private static func kind(of json: JSON, at path: @autoclosure () -> String) throws(StateRefusal) -> FlowKind {
        guard let type = json[FlowFormat.typeMember] else {
            throw StateRefusal(.badState, at: "\(path()).\(FlowFormat.typeMember)", "it is missing")
        }
        guard let word = type.string, let kind = FlowKind(rawValue: word) else {
            let kinds = FlowKind.allCases.map(\.rawValue).joined(separator: ", ")
            let found = String(decoding: type.encoded, as: UTF8.self)
            throw StateRefusal(
                .badState, at: "\(path()).\(FlowFormat.typeMember)", "expected a type of flow (\(kinds)), found \(found)")
        }
        return kind
    }

    /// What all types have. Behind a box of its own each time: not for what is done with every flow.
    public var record: any FlowRecord {
        get {
            switch self {
            case .http(let flow): flow.value
            case .tcp(let flow): flow
            case .udp(let flow): flow
            case .dns(let flow): flow
            }
        }
        set { self = newValue.any }
    }

    public var kind: FlowKind {
        switch self {
        case .http: .http
        case .tcp: .tcp
        case .udp: .udp
        case .dns: .dns
        }
    }

    public var id: String {
        switch self {
        case .http(let flow): flow.value.id
        case .tcp(let flow): flow.id
        case .udp(let flow): flow.id
        case .dns(let flow): flow.id
        }
    }

    public var isIntercepted: Bool {
        switch self {
        case .http(let flow): flow.value.intercepted
        case .tcp(let flow): flow.intercepted
        case .udp(let flow): flow.intercepted
        case .dns(let flow): flow.intercepted
        }
    }

    /// About how many bytes the flow takes, of memory or, by bodies that are held in files, of the disk.
    public var footprint: Int {
        switch self {
        case .http(let flow): HTTPFlow.footprint(of: flow.address)
        case .tcp(let flow): flow.footprint
        case .udp(let flow): flow.footprint
        case .dns(let flow): flow.footprint
        }
    }

    /// Leaves out the bodies that are held in files.
    public mutating func dropFiles() {
        guard case .http(var flow) = self else { return }
        flow.value.mapContents { $0.withoutFile }
        self = .http(flow)
    }

    public var isKilled: Bool { record.error?.message == FlowError.killedMessage }
}
