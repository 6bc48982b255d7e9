enum BodyCases { static let table: [Case] = [] }
