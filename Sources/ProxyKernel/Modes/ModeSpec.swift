import FlowModel

/// How clients reach the proxy on one port: `mode[:data][@[host:]port]`.
package struct ModeSpec: Sendable, Hashable, CustomStringConvertible {
    package let kind: ModeKind
    /// The address of its own, if the specification names one.
    package let listenHost: String?
    package let listenPort: Int?
    /// The specification as it was given.
    package let description: String

    /// Why a specification cannot be used: a sentence for people.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The plain forward proxy.
    package static let regular = ModeSpec(kind: .regular)

    private init(kind: ModeKind) {
        self.kind = kind
        (listenHost, listenPort, description) = (nil, nil, "\(kind)")
    }

    package init(_ text: String) throws(Failure) {
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
package struct ListenPlace: Sendable, Hashable {
    /// Empty for all addresses.
    package let host: String
    package let port: Int
    package let transport: Transport

    /// The first two modes that want the same place; nil if every one has its own. Port 0 is never the same twice.
    package static func clash(of modes: [ModeSpec], host: String, port: Int?) -> (ModeSpec, ModeSpec, ListenPlace)? {
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
    package func places(host: String, port: Int?) -> [ListenPlace] {
        kind.transports.map {
            ListenPlace(host: listenHost ?? host, port: listenPort ?? port ?? kind.defaultPort, transport: $0)
        }
    }
}
