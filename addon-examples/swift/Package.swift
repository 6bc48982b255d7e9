// swift-tools-version: 6.2
// The examples; `build` puts each program beside its source.
import PackageDescription

let package = Package(
    name: "addon-examples",
    dependencies: [.package(name: "AddonKit", path: "sdk")],
    targets: ["header", "counter"].map { name in
        .executableTarget(
            name: name, dependencies: [.product(name: "AddonKit", package: "AddonKit")], path: name, exclude: [".gitignore"])
    },
    swiftLanguageModes: [.v6]
)
