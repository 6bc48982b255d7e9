import Testing

@testable import FlowModel

@Suite struct FilterParserTests {
    @Test(
        "an expression reads as its fully grouped form says",
        arguments: [
            (#"~q"#, #"~q"#),
            (#"~q ~s | ~e"#, #"(and ~q (or ~s ~e))"#),
            (#"~q ~s & ~e"#, #"(and ~q (and ~s ~e))"#),
            (#"(~m get & ~s )"#, #"(and ~m='get' ~s)"#),
            (#"~m GET&~s"#, #"(and ~m='GET&' ~s)"#),
            (#"~q & & ~s"#, #"(and (and ~q ~u='&') ~s)"#),
            (#"(~q | ~s )"#, #"(or ~q ~s)"#),
            (#"(~m get)"#, #"~m='get'"#),
            (#"~u get(A|B)"#, #"(and ~u='get' ~u='A|B')"#),
            (#"~u "get(A|B)""#, #"~u='get(A|B)'"#),
            (#"~c 200"#, #"~c=200"#),
            (#"~c 200abc"#, #"(and ~c=200 ~u='abc')"#),
            (#"~c 200&~q"#, #"(and ~c=200 ~q)"#),
            (#"~c 200|~q"#, #"(or ~c=200 ~q)"#),
            (#"(~c 200)"#, #"~c=200"#),
            (#"(~c 200 )"#, #"~c=200"#),
            (#"~c 200~q"#, #"(and ~c=200 ~q)"#),
            (#"!~q"#, #"(not ~q)"#),
            (#"! ~q"#, #"(not ~q)"#),
            (#"!!~q"#, #"(not (not ~q))"#),
            (#"! ! ~q"#, #"(not (not ~q))"#),
            (#"!~m get"#, #"(not ~m='get')"#),
            (#"!(~q )"#, #"(not ~q)"#),
            (#"!~q & ~s"#, #"(and (not ~q) ~s)"#),
            (#"!~q | ~s & ~e"#, #"(or (not ~q) (and ~s ~e))"#),
            (#"~q | ~s & ~e"#, #"(or ~q (and ~s ~e))"#),
            (#"~q & ~s | ~e & ~a"#, #"(or (and ~q ~s) (and ~e ~a))"#),
            (#"foo"#, #"~u='foo'"#),
            (#"foo bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"foo&bar"#, #"~u='foo&bar'"#),
            (#"foo & bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"foo | bar"#, #"(or ~u='foo' ~u='bar')"#),
            (#"foo |bar"#, #"(or ~u='foo' ~u='bar')"#),
            (#"foo| bar"#, #"(and ~u='foo|' ~u='bar')"#),
            (#"!foo"#, #"(not ~u='foo')"#),
            (#"! foo"#, #"(not ~u='foo')"#),
            (#"foo!"#, #"~u='foo!'"#),
            (#""foo bar""#, #"~u='foo bar'"#),
            (#"'foo bar'"#, #"~u='foo bar'"#),
            (#"'foo\'bar'"#, #"~u='foo'bar'"#),
            (#""foo\\d""#, #"~u='foo\d'"#),
            (#""foo\d""#, #"~u='food'"#),
            (#""foo\n""#, #"~u='foo\#n'"#),
            (#""foo"bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"foo"bar""#, #"(and ~u='foo' ~u='bar')"#),
            (#"~m get"#, #"~m='get'"#),
            (#"~hq foo"#, #"~hq='foo'"#),
            (#"~d example.com"#, #"~d='example.com'"#),
            (#"~all"#, #"~all"#),
            (#"~q (~s )"#, #"(and ~q ~s)"#),
            (#"(~q )~s"#, #"(and ~q ~s)"#),
            (#"(~q )(~s )"#, #"(and ~q ~s)"#),
            (#"(~q ) (~s )"#, #"(and ~q ~s)"#),
            (#"(foo)(bar)"#, #"(and ~u='foo' ~u='bar')"#),
            (#"(foo)bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"(foo) | bar"#, #"(or ~u='foo' ~u='bar')"#),
            (#"(foo)|bar"#, #"(or ~u='foo' ~u='bar')"#),
            (#"((foo))"#, #"~u='foo'"#),
            (#"(((((foo)))))"#, #"~u='foo'"#),
            (#"!"#, #"~u='!'"#),
            (#"&"#, #"~u='&'"#),
            (#"|"#, #"~u='|'"#),
            (#"& foo"#, #"(and ~u='&' ~u='foo')"#),
            (#"| foo"#, #"(and ~u='|' ~u='foo')"#),
            (#"foo &"#, #"(and ~u='foo' ~u='&')"#),
            (#"foo |"#, #"(and ~u='foo' ~u='|')"#),
            (#"foo & & bar"#, #"(and (and ~u='foo' ~u='&') ~u='bar')"#),
            (#"foo && bar"#, #"(and (and ~u='foo' ~u='&') ~u='bar')"#),
            (#"foo || bar"#, #"(and (or ~u='foo' ~u='|') ~u='bar')"#),
            (#"~q |"#, #"(and ~q ~u='|')"#),
            (#"~q &"#, #"(and ~q ~u='&')"#),
            (#"~q & "#, #"(and ~q ~u='&')"#),
            (#"~q &~s"#, #"(and ~q ~s)"#),
            (#"~m 'a b' ~q"#, #"(and ~m='a b' ~q)"#),
            (#"~m "" "#, #"~m=''"#),
            (#""""#, #"~u=''"#),
            (#"''"#, #"~u=''"#),
            (#"a'b'c"#, #"(and ~u='a' ~u='b' ~u='c')"#),
            (#"~comment "x y""#, #"~comment='x y'"#),
            (#"~q !~s"#, #"(and ~q (not ~s))"#),
            (#"~q & !~s"#, #"(and ~q (not ~s))"#),
            (#"~q & !(~s | ~e )"#, #"(and ~q (not (or ~s ~e)))"#),
            (#"~q and ~s"#, #"(and ~q ~u='and' ~s)"#),
            (#"~u é"#, #"~u='é'"#),
            (#"é"#, #"~u='é'"#),
            (#"~u \d+"#, #"~u='\d+'"#),
            (#""a\"b""#, #"~u='a"b'"#),
            (#""\x41""#, #"~u='x41'"#),
            (#""\t""#, #"~u='\#t'"#),
            (#""\\\\""#, #"~u='\\'"#),
            (#""a""b""#, #"(and ~u='a' ~u='b')"#),
            (#"~m & get"#, #"(and ~m='&' ~u='get')"#),
            (#"~m | get"#, #"(and ~m='|' ~u='get')"#),
            (#"~m ! get"#, #"(and ~m='!' ~u='get')"#),
            (#"~m !"#, #"~m='!'"#),
            (#"~q ~s ~e"#, #"(and ~q ~s ~e)"#),
            (#"~q ~s ~e | ~a"#, #"(and ~q ~s (or ~e ~a))"#),
            (#"~q ~s & ~e ~a"#, #"(and ~q (and ~s ~e) ~a)"#),
            (#"!~q ~s"#, #"(and (not ~q) ~s)"#),
            (#"~m get & ~q ~s"#, #"(and (and ~m='get' ~q) ~s)"#),
            (#"(~q & ~s & ~e )"#, #"(and ~q ~s ~e)"#),
            (#"~q & ~s & ~e"#, #"(and ~q ~s ~e)"#),
            (#"~q | ~s | ~e"#, #"(or ~q ~s ~e)"#),
            (#"~q & (~s & ~e )"#, #"(and ~q (and ~s ~e))"#),
            (#"foo(bar)"#, #"(and ~u='foo' ~u='bar')"#),
            (#"~u http://a.com/?x=1&y=2"#, #"~u='http://a.com/?x=1&y=2'"#),
            (#"~c 200 ~c 300"#, #"(and ~c=200 ~c=300)"#),
            (#"~c 0200"#, #"~c=200"#),
            (#"foo ~q"#, #"(and ~u='foo' ~q)"#),
            (#"foo ~m get"#, #"(and ~u='foo' ~m='get')"#),
            (#"foo!bar"#, #"~u='foo!bar'"#),
            (#"foo !bar"#, #"(and ~u='foo' (not ~u='bar'))"#),
            (#"foo ! bar"#, #"(and ~u='foo' (not ~u='bar'))"#),
            (#"foo &bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"foo& bar"#, #"(and ~u='foo&' ~u='bar')"#),
            (#"foo &!bar"#, #"(and ~u='foo' (not ~u='bar'))"#),
            (#"foo & !bar"#, #"(and ~u='foo' (not ~u='bar'))"#),
            (#"!foo & bar"#, #"(and (not ~u='foo') ~u='bar')"#),
            (#"!foo&bar"#, #"(not ~u='foo&bar')"#),
            (#"foo(bar)baz"#, #"(and ~u='foo' ~u='bar' ~u='baz')"#),
            (#"(foo) bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"!(foo) bar"#, #"(and (not ~u='foo') ~u='bar')"#),
            (#"!(foo)&bar"#, #"(and (not ~u='foo') ~u='bar')"#),
            (#"!(foo) & !(bar)"#, #"(and (not ~u='foo') (not ~u='bar'))"#),
            (#"!(foo)|!(bar)"#, #"(or (not ~u='foo') (not ~u='bar'))"#),
            (#"(foo)&(bar)"#, #"(and ~u='foo' ~u='bar')"#),
            (#"(foo)&bar"#, #"(and ~u='foo' ~u='bar')"#),
            (#"(foo)!bar"#, #"(and ~u='foo' (not ~u='bar'))"#),
            (#"(!foo)"#, #"(not ~u='foo')"#),
            (#"(! foo)"#, #"(not ~u='foo')"#),
            (#"(&)"#, #"~u='&'"#),
            (#"(& & &)"#, #"(and ~u='&' ~u='&')"#),
            (#"(a & b)"#, #"(and ~u='a' ~u='b')"#),
            (#"(a&b)"#, #"~u='a&b'"#),
            (#""\\n""#, #"~u='\n'"#),
            (#""a\0b""#, #"~u='a\#0b'"#),
            (#""\u00e9""#, #"~u='u00e9'"#),
            (#""\101""#, #"~u='101'"#),
            (#""a'b""#, #"~u='a'b'"#),
            (#"'a"b'"#, #"~u='a"b'"#),
            (#"~qé"#, #"(and ~q ~u='é')"#),
            (#"~q é"#, #"(and ~q ~u='é')"#),
            (#""~q""#, #"~u='~q'"#),
            (#"~all !~c 200"#, #"(and ~all (not ~c=200))"#),
            (#"!! x"#, #"(not (not ~u='x'))"#),
            (#"! (~q )"#, #"(not ~q)"#),
            (#"~m get | ~m post & ~q"#, #"(or ~m='get' (and ~m='post' ~q))"#),
            (#"~bs "<title>.*</title>" | ~hs "^server: x""#, #"(or ~bs='<title>.*</title>' ~hs='^server: x')"#),
            (#"~u a|b"#, #"~u='a|b'"#),
            (#"~c 200!~q"#, #"(and ~c=200 (not ~q))"#),
            (#"~q (~s | ~e ) & ~a"#, #"(and ~q (and (or ~s ~e) ~a))"#),
            (#"a ! & b"#, #"(and ~u='a' (not ~u='&') ~u='b')"#),
            (#"~h "a\\.b""#, #"~h='a\.b'"#),
            ("~q\u{0C}foo", "(and ~q ~u='\u{0C}foo')"),
            ("~q\u{A0}~s", "(and ~q ~u='\u{A0}' ~s)"),
            ("\n~q\n~s\n", "(and ~q ~s)"),
            ("~q\r\n&\r\n~s", "(and ~q ~s)"),
            ("~m\tget", "~m='get'"),
            ("a\u{0B}b", "~u='a\u{0B}b'"),
        ])
    func accepted(expression: String, outline: String) throws {
        let filter = try Filter(expression)
        #expect(filter.debugDescription == outline)
        #expect(filter.source == expression)
    }

    @Test(
        "an expression that does not fit the grammar is refused",
        arguments: [
            #"(~m get ~s )"#,
            #"(~q | ~s)"#,
            #"~s|~q"#,
            #"~q~s"#,
            #"~all&~q"#,
            #"~c abc"#,
            #"~c200"#,
            #"~c "200""#,
            #"~c 200)"#,
            #"~c -1"#,
            #"~u"#,
            #"~foo"#,
            #"()"#,
            #"( )"#,
            #"~u ["#,
            #"~u "[""#,
            #"~m"get""#,
            #"~mget"#,
            #"~hqfoo"#,
            #"~httpx"#,
            #"~marker"#,
            #"~metax"#,
            #"~dexample"#,
            #"~tcpx"#,
            #"~dn"#,
            #"~dnsx"#,
            #"~ax"#,
            #"(foo"#,
            #"foo)"#,
            #")"#,
            #"~q|"#,
            #"~m (get)"#,
            #"~m ~q"#,
            #""a"#,
            #"'a"#,
            #"~u a\ b"#,
            #""\\""#,
            #"~m )"#,
            #"~ q"#,
            #"~"#,
            #"~~q"#,
            #"!~"#,
            #"~u foo("#,
            #"~u foo)"#,
            #"foo(bar"#,
            #"~c +1"#,
            #"~c ２００"#,
            #"(a b)"#,
            #"~u"a""#,
            #"~all ! ~c"#,
            #"!("#,
            #"!!!("#,
            #"~t "a" ~q|"#,
            #"~u ("#,
            #""a b"#,
            " ", "\"a\nb\"", "~c \u{0663}",
        ])
    func refused(expression: String) {
        #expect(throws: FilterError.self) { try Filter(expression) }
    }

    @Test(
        "an error names the reason and the character where reading stopped",
        arguments: [
            ("", "the expression is empty", 0),
            ("  ", "the expression is empty", 0),
            ("~q ~foo", "there is no operator ~foo", 3),
            ("~q~s", "a blank must follow ~q", 0),
            ("(~q | ~s)", "a blank must follow ~s", 6),
            ("~all&~q", "a blank must follow ~all", 0),
            ("é ~m(get)", "a blank must follow ~m", 2),
            ("~", "there is no operator ~", 0),
            ("~q & ~u", "~u needs a regular expression", 7),
            ("~c abc", "~c needs an integer", 3),
            ("~c ", "~c needs an integer", 3),
            ("(~m get ~s )", "expected '&', '|' or ')': inside parentheses a blank is no \"and\"", 8),
            ("(foo", "the parenthesis is never closed", 4),
            ("foo)", "nothing stands before this ')'", 3),
            ("()", "nothing stands before this ')'", 1),
            ("foo \"bar", "the quote is never closed", 4),
            ("~u 'bar", "the quote is never closed", 3),
            ("!(", "the expression ends where an operand should follow", 2),
        ])
    func reasons(expression: String, message: String, offset: Int) {
        #expect(throws: FilterError(message, offset: offset, in: expression)) { try Filter(expression) }
    }

    @Test(
        "a bad regular expression is blamed at its character in the expression, escapes counted",
        arguments: [
            ("~q ~u ab[", 9),
            ("é ~u \"[\"", 7),
            (#"~u "\\\\(?<""#, 11),
            ("é a?** b", 4),
        ])
    func badPattern(expression: String, offset: Int) throws {
        let error = try #require(throws: FilterError.self) { try Filter(expression) }
        #expect(error.message.hasPrefix("bad regular expression: "))
        #expect(error.offset == offset, "\(error)")
    }

    @Test("an error shows the expression with a caret under the culprit")
    func caret() {
        let short = FilterError("why", offset: 3, in: "~q\t~foo")
        #expect(short.description == "why\n  ~q ~foo\n     ^")
        let long = FilterError(
            "why", offset: 100, in: String(repeating: "a", count: 100) + "~" + String(repeating: "b", count: 100))
        let lines = long.description.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].count < 120)
        #expect(lines[1].firstIndex(of: "~").map { lines[1].distance(from: lines[1].startIndex, to: $0) } == lines[2].count - 1)
    }

    @Test("an expression and its nesting are bounded")
    func bounds() throws {
        let parentheses = { (depth: Int) in String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth) }
        let negations = { (depth: Int) in String(repeating: "!", count: depth) + "a" }
        for nested in [parentheses, negations] {
            _ = try Filter(nested(Filter.maximumNesting))
            let error = try #require(throws: FilterError.self) { try Filter(nested(Filter.maximumNesting + 1)) }
            #expect(error.offset == Filter.maximumNesting)
        }
        _ = try Filter(String(repeating: "a ", count: Filter.maximumSize / 2))
        #expect(throws: FilterError.self) { try Filter(String(repeating: "a ", count: Filter.maximumSize / 2) + "b") }
        #expect(throws: FilterError.self) {
            try Filter("~u " + String(repeating: "a", count: RegularExpression.maximumPatternSize + 1))
        }
    }

    @Test(
        "an expression made to force re-reading is refused at once",
        arguments: [
            String(repeating: "!(", count: 60), String(repeating: "& (", count: 60), String(repeating: "a | (", count: 60),
            String(repeating: "!", count: 60) + "(", String(repeating: "(a & ", count: 60) + "~",
            String(repeating: "! & | ", count: 2000) + "(",
        ])
    func noBlowUp(expression: String) {
        let clock = ContinuousClock()
        let taken = clock.measure { #expect(throws: FilterError.self) { try Filter(expression) } }
        #expect(taken < .seconds(5))
    }
}
