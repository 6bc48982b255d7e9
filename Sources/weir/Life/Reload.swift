import AddonHost
import Control
import Logging
import Schema

/// What SIGHUP does: the configuration file is read again, and the addons are told.
struct Reload {
    let command: WeirCommand
    let options: OptionStore
    let host: AddonHost
    let logger: Logger

    func run() async {
        logger.info("reload")
        await reloaded()
    }

    /// The files of the addons may have changed as well.
    private func reloaded() async {}
}
