import FlowModel

/// How clients reach the proxy on one port: `mode[:data][@[host:]port]`.
public struct ModeSpec: Sendable, Hashable, CustomStringConvertible {
    public let kind: ModeKind
    /// The address of its own, if the specification names one.
    public let listenHost: String?
    public let listenPort: Int?
    /// The specification as it was given.
    public let description: String

    /// Why a specification cannot be used: a sentence for people.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// The plain forward proxy.
    public static let regular = ModeSpec(kind: .regular)

    private init(kind: ModeKind) {
        self.kind = kind
        (listenHost, listenPort, description) = (nil, nil, "\(kind)")
    }

    public init(_ text: String) throws(Failure) {
        do throws(Reason) {
            description = text
            let (rest, place) = try ModeGrammar.split(text)
            (listenHost, listenPort) = (place?.host, place?.port)
            kind = try ModeGrammar.kind(rest, namesPlace: place != nil)
        } catch {
            throw Failure(description: "mode '\(text)': \(error.text)")
        }
    }

    /// What is wrong with a specification, without naming it.
    struct Reason: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }
}

/// Where a mode listens, once the options have filled in what its specification leaves open.
public struct ListenPlace: Sendable, Hashable {
    /// Empty for all addresses.
    public let host: String
    public let port: Int
    public let transport: Transport

    /// The first two modes that want the same place; nil if every one has its own. Port 0 is never the same twice.
    public static func clash(of modes: [ModeSpec], host: String, port: Int?) -> (ModeSpec, ModeSpec, ListenPlace)? {
        var taken: [ListenPlace: ModeSpec] = [:]
        for mode in modes {
            for place in mode.places(host: host, port: port) where place.port != 0 {
                if let other = taken.updateValue(mode, forKey: place) { return (other, mode, place) }
            }
        }
        return nil
    }
}

extension ModeSpec {
    /// Where it listens, given the values of `listen_host` and `listen_port`.
    public func places(host: String, port: Int?) -> [ListenPlace] {
        kind.transports.map {
            ListenPlace(host: listenHost ?? host, port: listenPort ?? port ?? kind.defaultPort, transport: $0)
        }
    }
}
