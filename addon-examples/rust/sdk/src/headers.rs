//! Byte strings and headers (section 3).

use crate::json::Value;
use crate::object;

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
            for digit in 0..4 {
                coded.push(if digit > part.len() { '=' } else { ALPHABET[(bits >> (18 - 6 * digit) & 63) as usize].into() });
            }
        }
        object! {"b64" => coded}
    }

    /// The bytes of a byte string: of a text, or of `{"b64": …}`; none for anything else, null for one.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if let Value::Text(text) = self {
            return Some(text.clone().into_bytes());
        }
        let coded = match self.get("b64") {
            Value::Text(text) if text.len() % 4 == 0 => text.as_bytes(),
            _ => return None,
        };
        let digits = coded.strip_suffix(b"==").or_else(|| coded.strip_suffix(b"=")).unwrap_or(coded);
        let mut data = Vec::with_capacity(coded.len() / 4 * 3);
        for part in digits.chunks(4) {
            let mut bits = 0;
            for digit in part {
                let value = match digit {
                    b'A'..=b'Z' => digit - b'A',
                    b'a'..=b'z' => digit - b'a' + 26,
                    b'0'..=b'9' => digit - b'0' + 52,
                    b'+' => 62,
                    b'/' => 63,
                    _ => return None,
                };
                bits = bits << 6 | u32::from(value);
            }
            bits <<= 6 * (4 - part.len());
            data.extend_from_slice(&bits.to_be_bytes()[1..part.len()]);
        }
        Some(data)
    }
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
        self.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| &value[..]).collect()
    }

    /// Puts a field behind the others.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push((name.into(), value.as_ref().into()));
    }

    /// Gives the first field of that name another value and removes the others; where there is none it adds one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        match self.0.iter().position(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())) {
            None => self.add(name, value),
            Some(first) => {
                let rest = self.0.split_off(first + 1);
                self.0[first].1 = value.as_ref().into();
                self.0.extend(rest.into_iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name.as_bytes())));
            }
        }
    }

    /// Takes away every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name.as_bytes()));
    }
}

impl From<&Value> for Headers {
    fn from(value: &Value) -> Headers {
        let pairs = value.list().iter().map(Value::list);
        Headers(pairs.filter(|pair| pair.len() == 2).filter_map(|pair| Some((pair[0].bytes()?, pair[1].bytes()?))).collect())
    }
}

impl From<Headers> for Value {
    fn from(headers: Headers) -> Value {
        headers.0.iter().map(|(name, value)| vec![Value::from_bytes(name), Value::from_bytes(value)]).collect::<Vec<_>>().into()
    }
}
