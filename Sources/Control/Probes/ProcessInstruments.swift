import Glibc
import Observability
import ProxyKernel

/// What is measured of the process, under the names that all of Prometheus' clients use.
public struct ProcessInstruments: InstrumentTable {
    let cpu = Instrument(.counter, "process_cpu_seconds", "Processor time of the process, in seconds.")
    let resident = Instrument(.gauge, "process_resident_memory_bytes", "Memory that the process has at present.")
    let virtual = Instrument(.gauge, "process_virtual_memory_bytes", "Addresses that the process has in use.")
    let open = Instrument(.gauge, "process_open_fds", "File descriptors that are open.")
    let maximum = Instrument(.gauge, "process_max_fds", "File descriptors that may be open.")
    let start = Instrument(.gauge, "process_start_time_seconds", "When the process began, in seconds since 1970.")
    let build = Instrument(.info, "weir_build", ["version"], "The program's version.")

    public static let table = ProcessInstruments()

    /// Reads the process as it is now. Blocks for as long as the kernel takes.
    public func record(in registry: MetricRegistry, _ status: ProxyStatus) {
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            registry.record(cpu, is: seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6)
        }
        let (size, resident) = Self.memory
        registry.record(virtual, is: size)
        registry.record(self.resident, is: resident)
        registry.record(open, is: Double(Self.descriptors))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            registry.record(maximum, is: limit.rlim_cur == .max ? .infinity : Double(limit.rlim_cur))
        }
        registry.record(start, is: status.since)
        registry.record(build, status.version, is: 1)
    }

    /// Bytes in use and bytes that are present.
    private static var memory: (Double, Double) {
        guard let file = fopen("/proc/self/statm", "r") else { return (0, 0) }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return (0, 0) }
        let pages = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ").compactMap { Double($0) }
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        return pages.count > 1 ? (pages[0] * page, pages[1] * page) : (0, 0)
    }

    private static var descriptors: Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            // Neither `.`, nor `..`, nor the folder itself, which is open too.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return max(0, count - 1)
    }
}
