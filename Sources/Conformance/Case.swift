/// A row of the table: one thing that a worker has to do right.
public struct Case: Sendable {
    public let name: String
    /// Of the specification.
    public let section: Int
    /// What is tried, for people.
    public let doc: String
    /// A process of its own: the case ends it, or needs its beginning.
    let needsFresh: Bool
    /// Returns why the case is not one for this worker, or a remark, or nothing.
    let run: @Sendable (Checkup) throws(CaseFailure) -> Remark?

    enum Remark: Sendable { case unused(String), note(String) }

    init(
        _ name: String, _ section: Int, _ doc: String, needsFresh: Bool = false,
        _ run: @escaping @Sendable (Checkup) throws(CaseFailure) -> Remark?
    ) {
        self.name = name
        self.section = section
        self.doc = doc
        self.needsFresh = needsFresh
        self.run = run
    }

    public static let table: [Case] =
        LifeCases.table + LineCases.table + ValueCases.table + RequestCases.table + BodyCases.table
        + StreamCases.table + EndCases.table
}

/// What came of one case.
public struct CaseResult: Sendable {
    public enum Outcome: Sendable, Equatable {
        case passed(note: String?)
        case failed(CaseFailure)
        /// It says nothing about this worker; with the reason.
        case unused(String)
    }

    public let name: String
    /// Of the specification: that of the failure where it is another than the case's.
    public let section: Int
    public internal(set) var outcome: Outcome
    public let milliseconds: Int64
}
