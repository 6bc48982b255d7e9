import FlowModel
import HTTPExchange

/// Which flows a command is about, as its arguments say.
enum FlowPick {
    case all
    /// The beginning of a flow's id.
    case id(String)
    case filter(Filter)

    /// Hexadecimal digits and dashes are an id or its beginning, everything else is a filter expression.
    init(_ words: [String]) throws(FlowFailure) {
        let text = words.joined(separator: " ")
        if text.isEmpty {
            self = .all
        } else if text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || Character(Unicode.Scalar($0)).isHexDigit }) {
            self = .id(text.lowercased())
        } else {
            do throws(FilterError) {
                self = .filter(try Filter(text))
            } catch {
                throw FlowFailure(status: 2, "\(error)")
            }
        }
    }

    /// Whether a flow is one of them; of an id it is asked for its beginning only.
    func admits(_ flow: AnyFlow) -> Bool {
        switch self {
        case .all: true
        case .id(let prefix): flow.id.hasPrefix(prefix)
        case .filter(let filter): filter.matches(FilteredFlow(flow))
        }
    }
}

/// Why a command about flows failed: the exit status and lines for people.
struct FlowFailure: Error {
    let status: Int32
    let text: String
    /// True if nothing is wrong but that no flow matches a filter.
    private(set) var isEmptiness = false

    init(status: Int32 = 1, _ text: String) {
        self.status = status
        self.text = text
    }

    static func none(_ pick: FlowPick) -> FlowFailure {
        switch pick {
        case .id(let prefix): return FlowFailure("there is no flow '\(prefix)'")
        case .all: return FlowFailure("there are no flows")
        case .filter(let filter):
            var failure = FlowFailure("no flow matches \(filter)")
            failure.isEmptiness = true
            return failure
        }
    }

    static func ambiguous(_ prefix: String, _ ids: [String]) -> FlowFailure {
        let shown = ids.prefix(5).joined(separator: ", ")
        return FlowFailure("'\(prefix)' begins the ids of \(ids.count) flows: \(shown)\(ids.count > 5 ? ", …" : "")")
    }
}

/// Where a command's flows are: a running core, or a file.
protocol FlowPlace {
    /// Gives each flow that is picked, oldest first; an id that more than one flow has the beginning of is a failure. Bodies are in
    /// the states if `content` is true. That none is there is a failure, unless all are asked for.
    func each(_ pick: FlowPick, content: Bool, _ body: (AnyFlow) throws(FlowFailure) -> Void) throws(FlowFailure)
}
