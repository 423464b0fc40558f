//! Brings a document into the form that `sdp-types` reads. Peers are careless in lines that decide nothing, so
//! those are left out, and what remains is trimmed: the reader then fails only on what matters.

use super::{MEDIA_MAX, SDP_MAX, SdpError};

/// Attributes that are looked at.
const ATTRIBUTES: [&str; 10] =
    ["crypto", "rtpmap", "fmtp", "ptime", "maxptime", "rtcp", "sendrecv", "sendonly", "recvonly", "inactive"];

/// Most attribute lines that are kept.
const ATTRIBUTES_MAX: usize = 512;

/// A document whose lines are only `v= o= s= c= m= a=`.
pub(super) struct Clean {
    pub text: String,
    /// Session id and version of `o=`, empty if there is none. They are compared, never counted with: some peers
    /// write numbers beyond 64 bits.
    pub origin: (String, String),
}

/// Keeps the lines that decide something.
pub(super) fn clean(bytes: &[u8]) -> Result<Clean, SdpError> {
    if bytes.len() > SDP_MAX {
        return Err(SdpError::TooLong);
    }
    let text = decode(bytes);
    let mut lines = text.split(['\n', '\r', '\0']).map(str::trim).filter(|l| !l.is_empty());
    let version = lines.next().and_then(|l| l.strip_prefix("v=")).map(str::trim);
    if version != Some("0") {
        return Err(SdpError::NotSdp);
    }
    let mut out = Clean { text: "v=0\r\ns=-\r\n".to_owned(), origin: Default::default() };
    let (mut media, mut attributes, mut connection) = (0_usize, 0_usize, false);
    for line in lines {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        match key.trim() {
            "m" => {
                media = media.saturating_add(1);
                connection = false;
                out.push("m", &media_line(value));
            }
            // A second c= of the same section is an alternative that nobody uses.
            "c" if !connection => {
                connection = true;
                out.push("c", &words(value));
            }
            "o" if out.origin.0.is_empty() => {
                let mut fields = value.split_whitespace().skip(1).map(str::to_owned);
                out.origin = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            }
            "a" if attributes < ATTRIBUTES_MAX && wanted(value) => {
                attributes = attributes.saturating_add(1);
                out.push("a", value);
            }
            _ => {}
        }
    }
    if media > MEDIA_MAX { Err(SdpError::TooLong) } else { Ok(out) }
}

impl Clean {
    fn push(&mut self, key: &str, value: &str) {
        self.text.push_str(key);
        self.text.push('=');
        self.text.push_str(value);
        self.text.push_str("\r\n");
    }
}

/// UTF-8, or Latin-1 where it is not.
fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(s) => s.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One space between the fields; a line without formats (seen on refused lines) gets one.
fn media_line(value: &str) -> String {
    let line = words(value);
    if line.split(' ').count() == 3 { format!("{line} 0") } else { line }
}

fn wanted(value: &str) -> bool {
    let name = value.split(':').next().unwrap_or_default().trim();
    ATTRIBUTES.iter().any(|a| a.eq_ignore_ascii_case(name))
}
