//! `application/x-www-form-urlencoded` and percent-encoding, strict about UTF-8: what is not text is refused, not
//! replaced.

use super::refusal::Refusal;

/// Name and value of each field, in order.
pub type Fields = Vec<(String, String)>;

/// Undoes percent-encoding; with `plus` a `+` is a space. A `%` without two hexadecimal digits stays as it is.
pub fn decode(text: &[u8], plus: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail.split_first_chunk::<2>()) {
            (b'%', Some((hex, after))) if hex.iter().all(u8::is_ascii_hexdigit) => {
                let digits = std::str::from_utf8(hex).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            (b'+', _) if plus => out.push(b' '),
            _ => out.push(first),
        }
    }
    String::from_utf8(out).ok()
}

/// The fields of a body or a query.
pub fn fields(text: &[u8]) -> Result<Fields, Refusal> {
    let mut fields = Fields::new();
    for part in text.split(|&b| b == b'&').filter(|p| !p.is_empty()) {
        let mut halves = part.splitn(2, |&b| b == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let Some(name) = decode(name, true) else {
            return Err(Refusal::new(20001, "The name of a parameter is not UTF-8."));
        };
        let Some(value) = decode(value, true) else {
            return Err(Refusal::new(20001, format!("{name}: the value is not UTF-8.")));
        };
        fields.push((name, value));
    }
    Ok(fields)
}

/// Writes one name or value; everything but unreserved characters is escaped.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}
