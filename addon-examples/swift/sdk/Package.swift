// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "AddonKit",
    products: [.library(name: "AddonKit", targets: ["AddonKit"])],
    targets: [.target(name: "AddonKit")],
    swiftLanguageModes: [.v6]
)
