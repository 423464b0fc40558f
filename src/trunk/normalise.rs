//! How a number that a document dials is written: E.164 where that can be told, else the bare digits.

/// Digits of a number of the North American plan.
const NANP: usize = 10;

/// `415-555-1212`, `(415) 555-1212` and `1 415 555 1212` are numbers of the North American plan, as Twilio takes them
/// (twiml.md 3.2.1); a `+` stays; everything else (an extension of a PBX, `911`) is the digits without what people write
/// between them.
pub fn dialled(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.trim_start().starts_with('+') {
        return format!("+{digits}");
    }
    let national = digits.strip_prefix('1').filter(|d| d.len() == NANP).unwrap_or(&digits);
    match national.len() == NANP && national.starts_with(|c: char| ('2'..='9').contains(&c)) {
        true => format!("+1{national}"),
        false => digits,
    }
}
