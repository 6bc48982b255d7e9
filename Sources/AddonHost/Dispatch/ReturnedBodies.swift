import FlowModel
import ProxyKernel
import Schema

/// The bodies that an answer names by descriptor, as it names them.
struct ReturnedBodies {
    struct Named: Sendable {
        let side: MessageSide
        let number: Int
        let size: Int
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
            guard let content = result["flow"]?[side.rawValue]?["content"], let fd = content["fd"] else { continue }
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
            if !isShown { named.append(Named(side: side, number: number, size: size)) }
            guard var flow = rest["flow"]?.object, var message = flow[side.rawValue]?.object, var whole = rest.object else {
                continue
            }
            message["content"] = nil
            flow[side.rawValue] = .object(message)
            whole["flow"] = .object(flow)
            rest = .object(whole)
        }
    }
}
