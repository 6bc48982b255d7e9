import FlowModel

/// Brings saved flows of older versions to the present one, step by step.
///
/// Keeps what steps must know of earlier flows of the same file. No I/O.
public struct Conversion: Sendable {
    /// What one version changed: from that version to the next in the table.
    struct Step: Sendable {
        let from: FormatVersion
        let apply: @Sendable (inout SavedDict, inout Handshakes) throws(ConversionFailure) -> Void

        init(
            _ from: FormatVersion,
            _ apply: @escaping @Sendable (inout SavedDict, inout Handshakes) throws(ConversionFailure) -> Void
        ) {
            self.from = from
            self.apply = apply
        }

        init(_ from: FormatVersion, _ apply: @escaping @Sendable (inout SavedDict) throws(ConversionFailure) -> Void) {
            self.init(from) { (flow, _) throws(ConversionFailure) in try apply(&flow) }
        }
    }

    /// Every step, oldest first; a flow enters at its version and goes through all that follow.
    static let steps = releaseSteps + numberedSteps

    private var handshakes = Handshakes()

    public init() {}

    /// The flow in the present format.
    public mutating func convert(_ flow: SavedDict) throws(ConversionFailure) -> SavedDict {
        var flow = try converted(flow)
        if flow[FlowFormat.backupMember] == nil { flow[FlowFormat.backupMember] = .null }
        // What was remembered is a whole flow of the same version. One that cannot be converted could not be gone back to either.
        if let backup = flow[FlowFormat.backupMember]?.dict {
            var earlier = try? converted(backup)
            if earlier?[FlowFormat.backupMember] == nil { earlier?[FlowFormat.backupMember] = .null }
            flow[FlowFormat.backupMember] = earlier.map { .dict($0) } ?? .null
        }
        return flow
    }

    private mutating func converted(_ flow: SavedDict) throws(ConversionFailure) -> SavedDict {
        guard let version = FormatVersion(flow[FlowFormat.versionMember]) else {
            throw ConversionFailure("it says no version of the flow format that could be read")
        }
        if version == .number(FlowFormat.version) { return flow }
        guard let index = Self.steps.firstIndex(where: { $0.from == version }) else { throw Self.refusal(version) }
        var flow = flow
        for step in Self.steps[index...] {
            do throws(ConversionFailure) {
                try step.apply(&flow, &handshakes)
            } catch {
                throw ConversionFailure("it is of format \(version), and cannot be converted from \(step.from): \(error)")
            }
        }
        flow[FlowFormat.versionMember] = .int(FlowFormat.version)
        return flow
    }

    private static func refusal(_ version: FormatVersion) -> ConversionFailure {
        let range = "versions (0, 11) to \(FlowFormat.version) can be read"
        switch version {
        case .number(let number) where number > FlowFormat.version:
            return ConversionFailure("it is of format \(version), newer than this Weir knows: \(range)")
        case .release(0, ..<11):
            return ConversionFailure(
                "it is of format \(version), too old: \(range). mitmproxy 0.11 to 0.18 can write it again in a newer one")
        default: return ConversionFailure("it is of format \(version), which does not exist: \(range)")
        }
    }
}
