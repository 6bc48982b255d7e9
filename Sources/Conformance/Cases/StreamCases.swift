enum StreamCases { static let table: [Case] = [] }
