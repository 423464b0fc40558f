//! Octets to text: a byte order mark counts first, then the charset of the Content-Type, then the XML declaration
//! (RFC 7303 3.2); without any of them it is UTF-8.

use crate::warning::{DocumentError, NOT_PARSEABLE};
use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How far into the octets an XML declaration is looked for.
const DECLARATION_MAX: usize = 200;

/// What 0x80 to 0x9F are in windows-1252; the holes are what they are in Unicode.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of `bytes`, without byte order mark.
pub(crate) fn decode<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, DocumentError> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, u16::from_be_bytes);
    }
    let named =
        charset.map(ToOwned::to_owned).or_else(|| declared(bytes)).unwrap_or_else(|| "utf-8".to_owned());
    match named.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => utf8(bytes),
        "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" => {
            Ok(bytes.iter().map(|b| char::from(*b)).collect())
        }
        "windows-1252" | "cp1252" => Ok(bytes.iter().map(|b| windows_1252(*b)).collect()),
        "utf-16le" => utf16(bytes, u16::from_le_bytes),
        "utf-16be" | "utf-16" => utf16(bytes, u16::from_be_bytes),
        other => {
            let words = format!("the charset {} is not understood", crate::warning::cut(other));
            Err(DocumentError::whole(NOT_PARSEABLE, words))
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, DocumentError> {
    core::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|e| {
        let good =
            bytes.get(..e.valid_up_to()).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or_default();
        let (line, column) = crate::warning::place(good, good.len());
        DocumentError { code: NOT_PARSEABLE, words: "the body is not UTF-8".into(), line, column }
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, DocumentError> {
    let fail = || DocumentError::whole(NOT_PARSEABLE, "the body is not UTF-16");
    let pairs = bytes.chunks(2).map(|pair| pair.first_chunk::<2>().copied().map(unit));
    let units: Vec<u16> = pairs.collect::<Option<_>>().ok_or_else(fail)?;
    String::from_utf16(&units).map(Cow::Owned).map_err(|_| fail())
}

fn windows_1252(octet: u8) -> char {
    let high = octet.checked_sub(0x80).and_then(|i| WINDOWS_1252.get(usize::from(i)));
    high.copied().unwrap_or(char::from(octet))
}

/// The encoding that the XML declaration names, if there is one that can be read as ASCII.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(DECLARATION_MAX))?;
    let text = String::from_utf8_lossy(head);
    let declaration = text.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.strip_prefix(quote)?.split_once(quote).map(|(name, _)| name.to_owned())
}
