import Glibc

/// `weir flow run FILE|ID …`: the events of the flows of a file once more, through addons that are being written.
enum FlowRun {
    /// The command line that it stands for: `-n -r FILE …`. An id is that of a flow in the file that `-r` names. Nil if it is another command.
    static func rewritten(_ arguments: [String]) -> [String]? {
        guard arguments.count >= 3, arguments[0] == "flow", arguments[1] == "run" else { return nil }
        let subject = arguments[2]
        let rest = Array(arguments.dropFirst(3))
        if subject == "-" || access(subject, F_OK) == 0 { return ["-n", "-r", subject] + rest }
        let isIdentifier = subject.utf8.count == 36 && subject.split(separator: "-").count == 5
        // A path that is not there is refused when it is opened.
        return isIdentifier ? ["-n", "--set", "readfile_id=\(subject)"] + rest : ["-n", "-r", subject] + rest
    }
}
