// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "NAME",
    dependencies: [.package(name: "AddonKit", path: "sdk")],
    targets: [
        .executableTarget(name: "IDENT", dependencies: [.product(name: "AddonKit", package: "AddonKit")], path: "Sources")
    ],
    swiftLanguageModes: [.v6]
)
