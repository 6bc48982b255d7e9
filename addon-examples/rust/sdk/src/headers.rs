//! Byte strings and headers (section 3).

use crate::{object, Value};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Value {
    /// The byte string of these bytes.
    pub fn from_bytes(data: &[u8]) -> Value {
        if let Ok(text) = std::str::from_utf8(data) {
            return text.into();
        }
        let mut coded = String::with_capacity(data.len() / 3 * 4 + 4);
        for part in data.chunks(3) {
            let bits = part.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
            let digits = (0..=part.len()).map(|digit| ALPHABET[(bits >> (18 - 6 * digit) & 63) as usize]);
            coded.extend(digits.chain(*b"==").take(4).map(char::from));
        }
        object! {"b64" => coded}
    }

    /// The bytes of a byte string: of a text, or of `{"b64": …}`; none for anything else, null for one.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let coded = match (self, self.get("b64").text()) {
            (Value::Text(text), _) => return Some(text.clone().into_bytes()),
            (_, coded) if coded.len() % 4 == 0 && self.member("b64").is_some() => coded,
            _ => return None,
        };
        let digits = coded.strip_suffix("==").or_else(|| coded.strip_suffix('=')).unwrap_or(coded).as_bytes();
        let mut data = Vec::with_capacity(coded.len() / 4 * 3);
        for part in digits.chunks(4) {
            let bits = part.iter().try_fold(0, |bits, digit| Some(bits << 6 | sextet(*digit)?))?;
            let bits = bits << (6 * (4 - part.len()));
            data.extend_from_slice(&bits.to_be_bytes()[1..part.len()]);
        }
        Some(data)
    }
}

/// What a digit of base64 stands for.
fn sextet(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

fn is(own: &[u8], name: &str) -> bool {
    own.eq_ignore_ascii_case(name.as_bytes())
}

/// Pairs of name and value in the order of the wire; names are compared without case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).into_iter().next()
    }

    /// The values of every field of that name.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        self.0.iter().filter(|(own, _)| is(own, name)).map(|(_, value)| &value[..]).collect()
    }

    /// Puts a field behind the others.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push((name.into(), value.as_ref().into()));
    }

    /// Gives the first field of that name another value and removes the others; where there is none it adds one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let mut new = Some(value.as_ref().to_vec());
        self.0.retain_mut(|(own, value)| !is(own, name) || new.take().map(|new| *value = new).is_some());
        self.0.extend(new.map(|value| (name.into(), value)));
    }

    /// Takes away every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !is(own, name));
    }
}

impl From<&Value> for Headers {
    fn from(value: &Value) -> Headers {
        let pairs = value.list().iter().map(Value::list).filter(|pair| pair.len() == 2);
        Headers(pairs.filter_map(|pair| Some((pair[0].bytes()?, pair[1].bytes()?))).collect())
    }
}

impl From<Headers> for Value {
    fn from(headers: Headers) -> Value {
        let pairs = headers.0.iter().map(|(name, value)| vec![Value::from_bytes(name), Value::from_bytes(value)]);
        pairs.collect::<Vec<_>>().into()
    }
}
