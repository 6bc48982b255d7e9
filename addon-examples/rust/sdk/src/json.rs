//! JSON as the wire has it (section 2): exact, strict and of bounded depth.

use std::fmt::Write;

/// A JSON value. Objects keep the order of their members; integers are exact to 2^53.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// An object: `object! {"name" => "response", "fields" => vec!["flow.id"]}`.
#[macro_export]
macro_rules! object {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::Value::Object(vec![$(($name.to_string(), $crate::Value::from($value))),*])
    };
}

macro_rules! from {
    ($($type:ty, $value:ident => $made:expr;)*) => {
        $(impl From<$type> for Value { fn from($value: $type) -> Value { $made } })*
    };
}
from! {
    bool, value => Value::Bool(value);
    i32, value => Value::Int(value.into());
    i64, value => Value::Int(value);
    usize, value => Value::Int(value as i64);
    f64, value => Value::Number(value);
    &str, value => Value::Text(value.to_string());
    String, value => Value::Text(value);
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Value {
        Value::List(list.into_iter().map(Into::into).collect())
    }
}

impl Value {
    const DEPTH: usize = 64;
    const LARGEST: u64 = 1 << 53;

    /// Follows a path such as `flow.request.host` through objects; null where it leads nowhere.
    pub fn get(&self, path: &str) -> &Value {
        path.split('.').fold(self, |value, name| match value {
            Value::Object(members) => members.iter().find(|(own, _)| own == name).map_or(&Value::Null, |(_, value)| value),
            _ => &Value::Null,
        })
    }

    pub fn is_null(&self) -> bool {
        *self == Value::Null
    }

    /// The text; empty for anything else.
    pub fn text(&self) -> &str {
        if let Value::Text(text) = self { text } else { "" }
    }

    /// The items; none for anything else.
    pub fn list(&self) -> &[Value] {
        if let Value::List(list) = self { list } else { &[] }
    }

    /// The number; 0 for anything else.
    pub fn number(&self) -> f64 {
        match self {
            Value::Int(number) => *number as f64,
            Value::Number(number) => *number,
            _ => 0.0,
        }
    }

    /// The integer; 0 for anything else.
    pub fn int(&self) -> i64 {
        if let Value::Int(number) = self { *number } else { 0 }
    }

    /// Reads one value. The error says what was found where.
    pub fn parse(line: &[u8]) -> Result<Value, String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value()?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.unexpected("the end")),
        }
    }

    /// Writes the value without a line break in it.
    pub fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => drop(write!(out, "{value}")),
            Value::Number(value) if value.is_finite() => drop(write!(out, "{value:?}")),
            Value::Number(_) => out.push_str("null"),
            Value::Text(text) => quote(text, out),
            Value::List(list) => {
                for (index, value) in list.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    value.write(out);
                }
                out.push_str(if list.is_empty() { "[]" } else { "]" });
            }
            Value::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}')) {
        out.push_str(&rest[..at]);
        let special = rest[at..].chars().next().unwrap_or_default();
        match special {
            '"' | '\\' => out.extend(['\\', special]),
            _ => drop(write!(out, "\\u{:04x}", special as u32)),
        }
        rest = &rest[at + special.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.byte()
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found: String = self.text.get(self.at..).unwrap_or("").chars().take(20).collect();
        format!("expected {wanted} at byte {}, found '{found}'", self.at)
    }

    fn take(&mut self, wanted: &str) -> Result<(), String> {
        self.peek();
        if !self.text.as_bytes()[self.at..].starts_with(wanted.as_bytes()) {
            return Err(self.unexpected(wanted));
        }
        self.at += wanted.len();
        Ok(())
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(b'{') => {
                let mut members: Vec<(String, Value)> = Vec::new();
                let mut names = std::collections::HashSet::new();
                self.items(b'}', |reader| {
                    reader.peek();
                    let name = reader.string()?;
                    // Most objects are small, where looking is quicker than hashing.
                    let is_known = if members.len() < 16 {
                        members.iter().any(|(known, _)| *known == name)
                    } else {
                        names.extend(members[names.len()..].iter().map(|(known, _)| known.clone()));
                        names.contains(&name)
                    };
                    if is_known || name.contains('\0') {
                        return Err(format!("member '{}' is there twice, or has U+0000", name.escape_debug()));
                    }
                    reader.take(":")?;
                    members.push((name, reader.value()?));
                    Ok(())
                })?;
                Ok(Value::Object(members))
            }
            Some(b'[') => {
                let mut list = Vec::new();
                self.items(b']', |reader| Ok(list.push(reader.value()?)))?;
                Ok(Value::List(list))
            }
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'n') => self.take("null").map(|_| Value::Null),
            Some(b't') => self.take("true").map(|_| Value::Bool(true)),
            Some(b'f') => self.take("false").map(|_| Value::Bool(false)),
            _ => self.numeral(),
        }
    }

    /// What stands between brackets, with commas between.
    fn items(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > Value::DEPTH {
            return Err(format!("nested more than {} deep", Value::DEPTH));
        }
        let mut is_first = true;
        while self.peek() != Some(end) || !is_first {
            item(self)?;
            is_first = false;
            if self.peek() == Some(end) {
                break;
            }
            self.take(",")?;
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        self.at += 1;
        let mut made = String::new();
        loop {
            let start = self.at;
            while matches!(self.byte(), Some(byte) if byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            made.push_str(&self.text[start..self.at]);
            let escape = self.text.as_bytes().get(self.at + 1).copied();
            self.at += 1;
            match self.text.as_bytes().get(self.at - 1) {
                Some(b'"') => return Ok(made),
                Some(b'\\') => {
                    self.at += 1;
                    made.push(match escape {
                        Some(byte @ (b'"' | b'\\' | b'/')) => byte.into(),
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(b'n') => '\n',
                        Some(b'r') => '\r',
                        Some(b't') => '\t',
                        Some(b'u') => self.unicode()?,
                        _ => return Err(self.unexpected("an escape before this")),
                    });
                }
                _ => return Err(self.unexpected("the end of a string before this")),
            }
        }
    }

    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            self.at += 2;
            code = 0x10000 + ((first - 0xd800) << 10) + self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400).unwrap_or(u32::MAX >> 1);
        }
        char::from_u32(code).ok_or_else(|| format!("a lone surrogate before byte {}", self.at))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| self.unexpected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn numeral(&mut self) -> Result<Value, String> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let is_zero = self.byte() == Some(b'0');
        let mut is_good = match self.digits() {
            0 => false,
            count => count == 1 || !is_zero,
        };
        let whole = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            is_good &= self.digits() > 0;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            is_good &= self.digits() > 0;
        }
        let text = &self.text[start..self.at];
        let value = if whole == self.at {
            text.parse().ok().filter(|number: &i64| number.unsigned_abs() <= Value::LARGEST).map(Value::Int)
        } else {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number)
        };
        value.filter(|_| is_good).ok_or_else(|| format!("expected a value at byte {start}, found '{}'", self.text[start..].chars().take(20).collect::<String>()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}
