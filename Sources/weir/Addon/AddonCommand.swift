import ArgumentParser
import Control
import Glibc

/// `weir addon …`: begins and tries addons, and governs those of a running core.
struct AddonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir addon", abstract: "Begins, tries and governs addons.",
        discussion: "Exit statuses: 0, 1 if something went wrong or there is no such addon, 2 for a wrong argument.",
        subcommands: [
            AddonMaking.self, AddonChecking.self, AddonTracing.self, AddonReplaying.self, AddonReloading.self,
            AddonResetting.self,
        ])
}

struct AddonReloading: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Loads an addon anew; flows that have begun end with the old processes.")
    @OptionGroup var place: CoreSocketOptions
    @Argument(help: "The addon's name.") var name: String

    func run() throws {
        let result = try place.open("addon.reload").call("addon.reload", ["name": .string(name)])
        print("generation \(result["generation"]?.int ?? 0)")
    }
}

struct AddonResetting: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Forgets an addon's deaths, and starts it if it was left alone.")
    @OptionGroup var place: CoreSocketOptions
    @Argument(help: "The addon's name.") var name: String

    func run() throws {
        let result = try place.open("addon.reset").call("addon.reset", ["name": .string(name)])
        print("started \(result["started"]?.int ?? 0)")
    }
}
