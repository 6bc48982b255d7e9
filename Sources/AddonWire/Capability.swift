/// What a worker may use that not every one has to know: offered in `initialize`, chosen in its answer.
public enum Capability: String, Sendable, CaseIterable {
    /// Bodies in pieces, which the worker gives back as it wants them.
    case stream
    /// The first bytes of a body.
    case preview
    /// Large bodies by descriptor, beside the connection.
    case fd
    /// Bodies in a file that the core and the worker keep mapped; of no use without `fd`.
    case area
    /// Field lines of a section are edited by themselves.
    case headerEdits = "header_edits"
}
