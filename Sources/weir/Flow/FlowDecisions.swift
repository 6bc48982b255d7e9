import ArgumentParser
import FlowModel

/// The flow that a command is about.
struct OneFlow: ParsableArguments {
    @Argument(help: "The flow's id, or the beginning of it.")
    var id: String
}

struct FlowResuming: FlowDecision {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Lets an intercepted flow go on.")
    static let method = "flow.resume"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
}

struct FlowKilling: FlowDecision {
    static let configuration = CommandConfiguration(commandName: "kill", abstract: "Ends a live flow without a response.")
    static let method = "flow.kill"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
}

struct FlowMarking: FlowDecision {
    static let configuration = CommandConfiguration(
        commandName: "mark", abstract: "Marks a flow, or with an empty marker takes its mark away.")
    static let method = "flow.mark"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
    @Argument(help: "A character, or the name of an emoji such as :red_circle:.")
    var marker = Marker.standard
    var parameters: FlowParameters { ["marker": .string(marker)] }
}

struct FlowCommenting: FlowDecision {
    static let configuration = CommandConfiguration(commandName: "comment", abstract: "Sets a flow's comment.")
    static let method = "flow.comment"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
    @Argument(help: "The comment; an empty one takes it away.")
    var text: [String]
    var parameters: FlowParameters { ["comment": .string(text.joined(separator: " "))] }
}

struct FlowReverting: FlowDecision {
    static let configuration = CommandConfiguration(
        commandName: "revert", abstract: "Takes the changes of a flow back, to the state before the first.")
    static let method = "flow.revert"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
}

struct FlowDuplicating: FlowDecision {
    static let configuration = CommandConfiguration(
        commandName: "duplicate", abstract: "Puts a copy of a flow into the core's store, and prints its id.")
    static let method = "flow.duplicate"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
}

struct FlowReplaying: FlowDecision {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Sends the request of an ended flow once more, in that flow's place.")
    static let method = "flow.replay"
    @OptionGroup var place: CoreSocketOptions
    @OptionGroup var flow: OneFlow
}
