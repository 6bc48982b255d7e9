import CLinux
import Glibc
import ProxyKernel
import Schema

/// The user that the program is, once it has what only root may have: its sockets and keys.
enum Privileges {
    /// Why they cannot be dropped: a sentence for people.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Becomes the user of option `user`, with its groups and no way back; all threads do. Nothing happens if that is who we are.
    static func drop(_ settings: Settings) throws(Failure) {
        guard let name = settings[ProxyOptions.table.user] else { return }
        guard let (uid, gid) = find(name) else { throw Failure(description: "user '\(name)': there is no such user") }
        guard getuid() != uid || geteuid() != uid else { return }
        guard geteuid() == 0 else { throw Failure(description: "user '\(name)': only root can become another user") }
        guard initgroups(name, gid) == 0, setresgid(gid, gid, gid) == 0, setresuid(uid, uid, uid) == 0 else {
            throw Failure(description: "user '\(name)': \(String(cString: strerror(errno)))")
        }
        guard getuid() == uid, geteuid() == uid, getgid() == gid, uid == 0 || setuid(0) != 0 else {
            throw Failure(description: "user '\(name)': privileges can be had back")
        }
        let folder = HomePath.expanded(settings[ProxyOptions.table.confdir])
        guard access(folder, R_OK | W_OK | X_OK) == 0 else {
            throw Failure(description: "user '\(name)' may not write the folder \(folder): give it another one by --confdir")
        }
        // The change of user has made others of the new user able to look at us.
        _ = weir_set_dumpable(0)
    }

    /// A name, or a number.
    private static func find(_ name: String) -> (uid_t, gid_t)? {
        guard let entry = getpwnam(name) ?? uid_t(name).flatMap({ getpwuid($0) }) else { return nil }
        return (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
}
