import Testing

@testable import ProxyKernel

@Suite struct ShippedFilesTests {
    static let tree: Set = [
        "/src/weir/Package.swift", "/src/weir/Sources/weir", "/src/weir/Sources/Bridge", "/src/weir/addon-examples",
        "/usr/share/weir/addon-examples", "/usr/share/weir/bridge", "/opt/w/share/weir/addon-examples",
    ]

    @Test(
        "the tree that holds the program comes before what is installed, and that is beside a folder above the program",
        arguments: [
            (ShippedFiles.bridge, "/src/weir/.build/x86_64/release/weir", "/src/weir/Sources/Bridge"),
            (.addonExamples, "/src/weir/.build/x86_64/release/weir", "/src/weir/addon-examples"),
            (.bridge, "/usr/bin/weir", "/usr/share/weir/bridge"),
            (.addonExamples, "/opt/w/bin/weir", "/opt/w/share/weir/addon-examples"),
            (.bridge, "/opt/w/bin/weir", nil), (.bridge, "/home/u/weir", nil),
        ] as [(ShippedFiles, String, String?)])
    func place(files: ShippedFiles, program: String, expected: String?) {
        #expect(ShippedFiles.folder(files, of: program, exists: Self.tree.contains) == expected)
    }
}
