//! JSON as the wire has it (section 2): exact, strict and of bounded depth.

use std::fmt::Write;

const DEPTH: usize = 64;
const LARGEST: f64 = 9_007_199_254_740_992.0;
const SPACE: &[char] = &[' ', '\t', '\r', '\n'];
const ESCAPES: [(char, char); 8] =
    [('"', '"'), ('\\', '\\'), ('/', '/'), ('b', '\u{8}'), ('f', '\u{c}'), ('n', '\n'), ('r', '\r'), ('t', '\t')];

/// A JSON value. Objects keep the order of their members; integers are exact to 2^53.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
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
    i32, value => Value::Number(value.into());
    i64, value => Value::Number(value as f64);
    usize, value => Value::Number(value as f64);
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
    /// Follows a path such as `flow.request.host` through objects; null where it leads nowhere.
    pub fn get(&self, path: &str) -> &Value {
        path.split('.').fold(self, |value, name| value.member(name).unwrap_or(&Value::Null))
    }

    /// The member of an object, if it has one of that name.
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
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
        if let Value::Number(number) = self { *number } else { 0.0 }
    }

    /// The number without its fraction; 0 for anything else.
    pub fn int(&self) -> i64 {
        self.number() as i64
    }

    /// Reads one value. The error says what was found where.
    pub fn parse(line: &[u8]) -> Result<Value, String> {
        let mut rest = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        match value(&mut rest, DEPTH) {
            Ok(value) if rest.trim_start_matches(SPACE).is_empty() => Ok(value),
            Ok(_) => Err(unexpected(rest, "the end")),
            Err(why) => Err(format!("{why}, at byte {}", line.len() - rest.len())),
        }
    }

    /// Writes the value without a line break in it.
    pub fn write(&self, out: &mut String) {
        match self {
            Value::Bool(value) => drop(write!(out, "{value}")),
            Value::Number(own) if own.fract() == 0.0 && own.abs() <= LARGEST => drop(write!(out, "{}", *own as i64)),
            Value::Number(own) if own.is_finite() => drop(write!(out, "{own:?}")),
            Value::Null | Value::Number(_) => out.push_str("null"),
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
    let is_special = |c: char| c < ' ' || matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut start = 0;
    out.push('"');
    for (at, special) in text.match_indices(is_special) {
        out.push_str(&text[start..at]);
        match special {
            "\"" | "\\" => out.extend(["\\", special]),
            _ => out.extend(special.chars().map(|c| format!("\\u{:04x}", c as u32))),
        }
        start = at + special.len();
    }
    out.push_str(&text[start..]);
    out.push('"');
}

type Read<T> = Result<T, String>;

fn unexpected(rest: &str, wanted: &str) -> String {
    format!("expected {wanted}, found '{rest:.20}'")
}

/// Whether this comes next; it is then behind, and white space before it in any case.
fn skip(rest: &mut &str, wanted: &str) -> bool {
    *rest = rest.trim_start_matches(SPACE);
    rest.strip_prefix(wanted).map(|behind| *rest = behind).is_some()
}

fn take(rest: &mut &str, wanted: &str) -> Read<()> {
    if skip(rest, wanted) { Ok(()) } else { Err(unexpected(rest, wanted)) }
}

/// Reads a value in which others are nested so deep at most.
fn value(rest: &mut &str, depth: usize) -> Read<Value> {
    *rest = rest.trim_start_matches(SPACE);
    match rest.bytes().next() {
        Some(b'{') => {
            let mut members: Vec<(String, Value)> = Vec::new();
            items(rest, depth, "}", |rest| {
                let name = string(rest)?;
                take(rest, ":")?;
                Ok(members.push((name, value(rest, depth - 1)?)))
            })?;
            let mut names: Vec<&str> = members.iter().map(|(name, _)| &name[..]).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) || names.iter().any(|name| name.contains('\0')) {
                return Err("a member is there twice, or has U+0000 in its name".into());
            }
            Ok(Value::Object(members))
        }
        Some(b'[') => {
            let mut list = Vec::new();
            items(rest, depth, "]", |rest| Ok(list.push(value(rest, depth - 1)?)))?;
            Ok(Value::List(list))
        }
        Some(b'"') => string(rest).map(Value::Text),
        Some(b'n') => take(rest, "null").map(|_| Value::Null),
        Some(b't') => take(rest, "true").map(|_| Value::Bool(true)),
        Some(b'f') => take(rest, "false").map(|_| Value::Bool(false)),
        _ => numeral(rest),
    }
}

/// Reads what stands between brackets, with commas between.
fn items(rest: &mut &str, depth: usize, end: &str, mut item: impl FnMut(&mut &str) -> Read<()>) -> Read<()> {
    if depth == 0 {
        return Err(format!("nested more than {DEPTH} deep"));
    }
    let mut separator = "";
    *rest = &rest[1..];
    while !skip(rest, end) {
        take(rest, separator)?;
        item(rest)?;
        separator = ",";
    }
    Ok(())
}

fn string(rest: &mut &str) -> Read<String> {
    take(rest, "\"")?;
    let mut made = String::new();
    loop {
        let end = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\').unwrap_or(rest.len());
        made.push_str(&rest[..end]);
        *rest = &rest[end..];
        if let Some(behind) = rest.strip_prefix('"') {
            *rest = behind;
            return Ok(made);
        }
        let letter = rest.strip_prefix('\\').and_then(|behind| behind.chars().next());
        match ESCAPES.iter().find(|(own, _)| Some(*own) == letter) {
            Some((_, meant)) => {
                made.push(*meant);
                *rest = &rest[2..];
            }
            None => made.push(unicode(rest)?),
        }
    }
}

/// Reads `\u` and four digits, twice where the first are half of a pair.
fn unicode(rest: &mut &str) -> Read<char> {
    let units = std::iter::from_fn(|| {
        let digits = rest.strip_prefix("\\u")?.get(..4).filter(|digits| !digits.starts_with('+'))?;
        *rest = &rest[6..];
        u16::from_str_radix(digits, 16).ok()
    });
    let read = char::decode_utf16(units).next().and_then(Result::ok);
    read.ok_or_else(|| unexpected(rest, "the end of a string, or letters"))
}

fn numeral(rest: &mut &str) -> Read<Value> {
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
    let digits = rest[..end].strip_prefix('-').unwrap_or(&rest[..end]);
    // What Rust reads and JSON has not: superfluous zeros, points without digits on both sides, integers beyond 2^53.
    let is_good = match digits.as_bytes() {
        [b'0', b'0'..=b'9', ..] | [.., b'.'] => false,
        [b'0'..=b'9', ..] => !digits.contains(".e") && !digits.contains(".E"),
        _ => false,
    };
    let is_whole = digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_exact = digits.parse().map_or(!is_whole, |whole: u64| whole <= LARGEST as u64);
    match rest[..end].parse::<f64>() {
        Ok(number) if is_good && is_exact && number.is_finite() => {
            *rest = &rest[end..];
            Ok(Value::Number(number))
        }
        _ => Err(unexpected(rest, "a value")),
    }
}
