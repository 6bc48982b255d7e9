import Glibc

/// What the service manager has prepared for this process, as its variables tell.
public struct ServiceEnvironment: Sendable {
    /// Nil if nobody wants to be told.
    public let notify: NotifySocket?
    public var descriptors: ListenDescriptors
    public let watchdog: Watchdog?
    /// The folder of the credentials that the unit was given.
    public let credentials: String?
    /// Nil if the standard error is not the journal's.
    public let journal: JournalSocket?
    /// The process that has started this one to take its place; nil if there is none.
    public let predecessor: Int32?
    /// The variables as they came, for a successor.
    private let variables: [String: String]

    /// Names the process whose place the new one takes.
    private static let predecessorName = "WEIR_PREDECESSOR"
    private static let names = [
        "NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY",
        "JOURNAL_STREAM", predecessorName,
    ]

    /// Takes the variables out of the environment, so that no worker has them. Before any other thread looks at the environment.
    public static func take() throws(ListenDescriptors.Failure) -> ServiceEnvironment {
        var variables: [String: String] = [:]
        for name in names {
            guard let value = getenv(name) else { continue }
            variables[name] = String(cString: value)
            unsetenv(name)
        }
        return try ServiceEnvironment(variables, processID: getpid(), parentID: getppid())
    }

    public init(_ variables: [String: String], processID: Int32, parentID: Int32) throws(ListenDescriptors.Failure) {
        self.variables = variables
        // A stranger's variables that a shell has passed on must not be taken for a predecessor's.
        predecessor = variables[Self.predecessorName] == String(parentID) ? parentID : nil
        let isForUs = predecessor != nil || variables["LISTEN_PID"] == String(processID)
        descriptors = try ListenDescriptors(variables, isForUs: isForUs)
        notify = variables["NOTIFY_SOCKET"].flatMap { NotifySocket($0) }
        watchdog = Watchdog(variables, processID: processID)
        credentials = variables["CREDENTIALS_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 }
        journal = variables["JOURNAL_STREAM"].flatMap { JournalSocket(stream: $0, descriptor: STDERR_FILENO) }
    }

    /// The variables of a successor of this process, which finds descriptors of these names from `ListenDescriptors.first` on.
    public func successorVariables(processID: Int32, names: [String]) -> [String: String] {
        var result = variables
        for name in ["LISTEN_PID", "WATCHDOG_PID"] { result[name] = nil }
        // A watchdog of somebody else's is none of the successor's.
        if watchdog == nil { result["WATCHDOG_USEC"] = nil }
        result["LISTEN_FDS"] = String(names.count)
        result["LISTEN_FDNAMES"] = names.joined(separator: ":")
        result[Self.predecessorName] = String(processID)
        return result
    }

    /// The path of a credential; nil if the unit was not given one of that name.
    public func credential(_ name: String) -> String? {
        guard let path = credentials.map({ "\($0)/\(name)" }), access(path, F_OK) == 0 else { return nil }
        return path
    }
}
