import Schema

extension WeirCommand {
    /// What the command line says of options; of one name, the later wins.
    var givenOptions: [OptionAssignment] {
        OptionAssignment.grouped(flagAssignments, source: "command line") + OptionAssignment.grouped(assignments, source: "--set")
    }
}
