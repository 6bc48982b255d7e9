import FlowModel
import ProxyKernel
import Schema

/// The bodies that an answer names by descriptor, or by their place in the shared file, as it names them.
struct ReturnedBodies {
    struct Named: Sendable {
        let side: MessageSide
        /// The descriptor's number, or how many bytes it stands behind the shared file's beginning.
        let place: Place
        let size: Int
    }
    enum Place: Sendable, Equatable {
        case descriptor(Int)
        case area(at: Int)
    }

    private(set) var named: [Named] = []
    /// The answer without them.
    private(set) var rest: JSON

    /// The even numbers in an answer, which are the worker's.
    static func numbers(in result: JSON) -> [Int] {
        MessageSide.allCases.compactMap { result["flow"]?[$0.rawValue]?["content"]?["fd"]?.int }.filter { $0 % 2 == 0 }
    }

    /// `shown` is how the event had named the bodies itself: to send that back is no change.
    init(_ result: JSON, shown: [(side: MessageSide, reference: ContentReference?)]) throws(StateRefusal) {
        rest = result
        for side in MessageSide.allCases {
            guard let content = result["flow"]?[side.rawValue]?["content"] else { continue }
            if let fd = content["fd"] {
                try addDescriptor(fd, content, of: side, shown)
            } else if let offset = content["at"] {
                // Also if it is where it was shown: the worker may have changed it there.
                let path = "flow.\(side.rawValue).content"
                let place = Place.area(at: try Int.read(offset, at: "\(path).at"))
                named.append(Named(side: side, place: place, size: try Int.read(content["size"] ?? .null, at: "\(path).size")))
            } else {
                continue
            }
            guard var flow = rest["flow"]?.object, var message = flow[side.rawValue]?.object, var whole = rest.object else {
                continue
            }
            message["content"] = nil
            flow[side.rawValue] = .object(message)
            whole["flow"] = .object(flow)
            rest = .object(whole)
        }
    }

    private mutating func addDescriptor(
        _ fd: JSON, _ content: JSON, of side: MessageSide, _ shown: [(side: MessageSide, reference: ContentReference?)]
    ) throws(StateRefusal) {
        let path = "flow.\(side.rawValue).content"
        let number = try Int.read(fd, at: "\(path).fd")
        let size = try Int.read(content["size"] ?? .null, at: "\(path).size")
        let isShown = shown.contains { shown in
            if case .descriptor(number, _)? = shown.reference { shown.side == side } else { false }
        }
        guard isShown || number % 2 == 0 && size >= 0 else {
            throw StateRefusal(
                .badState, at: "\(path).fd", "\(number) is neither an even number nor the one that was shown there")
        }
        if !isShown { named.append(Named(side: side, place: .descriptor(number), size: size)) }
    }
}
