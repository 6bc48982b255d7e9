import Schema

/// The settings of archives that are written while flows come.
public struct ArchiveOptions: OptionTable {
    public let hardump = Option<String>(
        "hardump", "",
        "Write every flow that ends into a HAR file at this path, compressed if it ends with `.zhar`; `-` is the standard output, at the end. An existing file is replaced at the start."
    )

    public init() {}
    public static let table = ArchiveOptions()
}
