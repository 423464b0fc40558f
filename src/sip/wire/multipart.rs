//! The wanted part of a multipart body (RFC 2046 section 5.1): SDP beside ISUP, PIDF or a picture.

use super::message::media_type;
use bytes::Bytes;

/// Most parts that are looked at.
pub const PARTS_MAX: usize = 16;

/// The content of the first part of this type. A part without Content-Type is text/plain.
pub(super) fn part(body: &Bytes, boundary: &str, wanted: &str) -> Option<Bytes> {
    if boundary.is_empty() {
        return None;
    }
    let mark = format!("--{boundary}");
    let mut open: Option<usize> = None;
    let (mut at, mut parts) = (0_usize, 0_usize);
    // Boundaries stand at the beginning of a line only, so one pass over the lines finds them.
    for line in body.split_inclusive(|b| *b == b'\n') {
        let next = at.saturating_add(line.len());
        let behind = line.strip_prefix(mark.as_bytes()).map(<[u8]>::trim_ascii);
        // `--cutter` is no boundary of `cut`.
        if let Some(behind) = behind.filter(|b| b.is_empty() || b.starts_with(b"--")) {
            if let Some(from) = open
                && let Some(found) = content(body, from, before(body, at), wanted)
            {
                return Some(found);
            }
            parts = parts.saturating_add(1);
            if parts > PARTS_MAX || !behind.is_empty() {
                return None;
            }
            open = Some(next);
        }
        at = next;
    }
    // The closing boundary is missing: the rest is the last part, to its last octet.
    content(body, open?, body.len(), wanted)
}

/// Where a part ends whose boundary begins at `at`: the line end before it belongs to the boundary.
fn before(body: &[u8], at: usize) -> usize {
    let head = body.get(..at).unwrap_or_default();
    let head = head.strip_suffix(b"\n").unwrap_or(head);
    head.strip_suffix(b"\r").unwrap_or(head).len()
}

/// The content between `from` and `to` if the part's own header names the wanted type.
fn content(body: &Bytes, from: usize, to: usize, wanted: &str) -> Option<Bytes> {
    let mut at = from;
    let mut kind = None;
    for line in body.get(from..to)?.split_inclusive(|b| *b == b'\n') {
        at = at.checked_add(line.len())?;
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.trim_end().eq_ignore_ascii_case("content-type")
        {
            kind = media_type(value);
        }
    }
    (kind?.kind == wanted).then(|| body.slice(at.min(to)..to))
}
