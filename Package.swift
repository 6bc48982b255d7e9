// swift-tools-version: 6.2
// The targets are the layers. Each row imports only rows below it; scripts/check builds with the target-import check on.
import PackageDescription

let strict = Context.environment["WEIR_WARNINGS_AS_ERRORS"] == "1"
let settings: [SwiftSetting] =
    [.enableUpcomingFeature("NonisolatedNonsendingByDefault"), .enableUpcomingFeature("ExistentialAny")]
    + (strict ? [.treatAllWarnings(as: .error)] : [])
    // The optimiser looks into other targets for public code only, not for what is `package`, not even where that is inlinable: a
    // flow's request would be lent by a call that allocates. So all that another target uses is public (103 against 126 thousand
    // instructions for a plain request).
    + [.unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let posix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let embedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let instruments = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A protocol's folder, which tells of its life as well.
func spoken(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, exclude: ["LIFECYCLE.md"], swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies, swiftSettings: settings)
}

func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A program in C, since it works between fork and exec. Static and without Swift's start: there is no library where it runs, and it
/// starts in half the time.
func small(_ name: String) -> Target {
    .executableTarget(
        name: name, cSettings: strict ? [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])] : [],
        linkerSettings: [.unsafeFlags(["-nostartfiles", "-static-executable"])])
}

let package = Package(
    name: "weir",
    products: ["weir", "weir-cage", "weir-accept"].map { .executable(name: $0, targets: [$0]) }
        + [.library(name: "AddonKit", targets: ["AddonKit"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Row 6: the program.
        .executableTarget(
            name: "weir",
            dependencies: [
                "Schema", "FlowModel", "FlowFiles", "TLSEngine", "ProxyKernel", "HTTPExchange", "RawTCP", "RawUDP", "DNS",
                "HTTP1", "HTTP2",
                "SOCKS",
                "WebSocket",
                "AddonHost",
                "Conformance",
                "Rules",
                "Observability",
                "Control", "FlowExport", "CoreClient", "Systemd", "CLinux",
                nio, posix, logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings,
            // Instead of the C library's allocator, which takes longer for the many small blocks of a request.
            linkerSettings: [.linkedLibrary("mimalloc")]),
        // Beside it: what starts an addon that need not be trusted, and what systemd starts for an addon that it activates.
        small("weir-cage"), small("weir-accept"),
        // For the other end: what addons in Swift are written with. A package of its own, too.
        .target(name: "AddonKit", path: "addon-examples/swift/sdk/Sources/AddonKit"),
        // Between: what tries workers without a proxy.
        layer("Conformance", ["Schema", "FlowModel", "AddonWire", "ProxyKernel", "HTTPExchange", "SOCKS", "AddonHost", nio]),
        // Row 5: addon processes; the operator's rules; what the operator sees and sets.
        layer(
            "AddonHost",
            [
                "Schema", "Sockets", "FlowModel", "AddonWire", "Observability", "ProxyKernel", "HTTPExchange", "Codings",
                "CLinux", nio,
                posix, logging,
            ]),
        layer(
            "Rules",
            [
                "Schema", "FlowModel", "TLSEngine", "Codings", "ProxyKernel", "HTTPExchange", "SOCKS", "CCrypt", nio, posix,
                logging,
            ]),
        layer(
            "Control",
            [
                "Schema", "Systemd", "FlowModel", "FlowFiles", "FlowExport", "Observability", "ProxyKernel", "HTTPExchange",
                "HTTP1", nio,
                posix, logging, yams,
            ]),
        // Row 4: one folder a protocol.
        spoken("HTTP1", ["Schema", "FlowModel", "ProxyKernel", "HTTPExchange", nio]),
        spoken("HTTP2", ["Schema", "FlowModel", "TLSEngine", "ProxyKernel", "HTTPExchange", "CNghttp2", nio]),
        spoken("SOCKS", ["Schema", "FlowModel", "ProxyKernel", nio, logging]),
        spoken("WebSocket", ["Schema", "FlowModel", "ProxyKernel", "HTTPExchange", "CZlib", nio]),
        // Row 3: the version-free life of a request; the relay.
        layer("HTTPExchange", ["Schema", "FlowModel", "TLSEngine", "Codings", "ProxyKernel", nio, logging]),
        spoken("RawTCP", ["Schema", "FlowModel", "ProxyKernel", nio, logging]),
        spoken("RawUDP", ["Schema", "FlowModel", "ProxyKernel", nio]),
        spoken("DNS", ["Schema", "FlowModel", "ProxyKernel", nio, logging]),
        // Row 2: flows in the formats of other programs; a client of a running core.
        layer("FlowExport", ["Schema", "FlowModel", "Codings", nio]),
        layer("CoreClient", ["Schema", "AddonWire"]),
        // Row 2: sessions, detection, upstream connections, the hook port.
        layer(
            "ProxyKernel", ["Schema", "Sockets", "FlowModel", "TLSEngine", "Observability", "CTasks", nio, posix, logging]),
        // Between: files of flows.
        layer("FlowFiles", ["Schema", "FlowModel", nio]),
        // Row 1: TLS, flow records, content codings, the sans-io addon link, what is measured.
        layer("TLSEngine", ["Sockets", "COpenSSL", nio]),
        layer("FlowModel", ["Schema", "CPCRE2", nio]),
        layer("Codings", ["CZlib", "CBrotli", "CZstd"]),
        layer("AddonWire", ["Schema"]),
        layer("Observability", [instruments]),
        // Row 0: tables and JSON; sockets below their channels; the service manager's protocols; Swift's tasks; system libraries.
        layer("Schema", []),
        layer("Sockets", [nio]),
        layer("Systemd", ["CLinux"]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CTasks", cSettings: strict ? [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])] : []),
        library("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        // For the tests of our own parser, which must not read a line otherwise than a well-known one does.
        library("CJSON", pkgConfig: "json-c", apt: "libjson-c-dev"),
        library("CNghttp2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
        library("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        library("CBrotli", pkgConfig: "libbrotlienc libbrotlidec", apt: "libbrotli-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        library("CCrypt", pkgConfig: "libcrypt", apt: "libcrypt-dev"),
        library("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),

        tests("Schema", ["CJSON"]),
        tests("Sockets", [nio, posix]),
        tests("Systemd", []),
        tests("FlowModel", ["Schema", nio]),
        tests("FlowFiles", ["Schema", "FlowModel", nio]),
        tests("Codings", []),
        tests("AddonWire", ["Schema"]),
        tests("Observability", [instruments]),
        tests("FlowExport", ["Schema", "FlowModel", nio]),
        tests("TLSEngine", ["COpenSSL", nio, embedded]),
        tests("ProxyKernel", ["Schema", "FlowModel", nio, embedded, posix]),
        tests("HTTPExchange", ["FlowModel", "Codings", "ProxyKernel", nio, embedded]),
        tests("HTTP1", ["FlowModel", "ProxyKernel", "HTTPExchange", nio]),
        tests("SOCKS", ["FlowModel", nio]),
        tests("RawTCP", [nio]),
        tests("HTTP2", ["FlowModel", "ProxyKernel", "HTTPExchange", "CNghttp2", nio]),
        tests("WebSocket", ["FlowModel", nio]),
        tests("DNS", ["FlowModel", nio]),
        tests("Control", ["Schema", "Observability", nio, embedded]),
        tests(
            "AddonHost",
            ["Schema", "FlowModel", "AddonWire", "ProxyKernel", "HTTPExchange", "Codings", nio, posix, logging]),
        tests("Conformance", ["Schema", "FlowModel", "AddonWire", "ProxyKernel", "HTTPExchange", "SOCKS", nio]),
        tests("Rules", ["Schema", "FlowModel", "ProxyKernel", "HTTPExchange", "SOCKS", "Codings", nio, logging]),
    ],
    swiftLanguageModes: [.v6]
)
