//! What a floor reads of a SIP message, which is its lines, and answers.

use std::fmt::Write;
use std::net::SocketAddr;

/// The values of a header, in their order.
pub fn all<'a>(message: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = message.lines().skip(1).take_while(|l| !l.is_empty());
    lines.filter_map(move |l| {
        l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
    })
}

/// The first of them; empty: none.
pub fn header<'a>(message: &'a str, name: &'a str) -> &'a str {
    all(message, name).next().unwrap_or("")
}

/// What names the transaction (RFC 3261 17.1.3).
pub fn branch(message: &str) -> &str {
    header(message, "Via").split("branch=").nth(1).and_then(|b| b.split(';').next()).unwrap_or("")
}

/// Number and method.
pub fn cseq(message: &str) -> (u32, &str) {
    let (number, method) = header(message, "CSeq").split_once(' ').unwrap_or_default();
    (number.parse().unwrap_or(0), method)
}

/// An answer, with `tag` where To has none, and `body` as SDP.
pub fn response(own: SocketAddr, message: &str, status: &str, tag: &str, body: &str) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
        for value in all(message, name) {
            let _ = write!(out, "{name}: {value}");
            if name == "To" && !tag.is_empty() && !value.contains(";tag=") {
                let _ = write!(out, ";tag={tag}");
            }
            out.push_str("\r\n");
        }
    }
    if !body.is_empty() {
        let _ = write!(out, "Contact: <sip:floor@{}>\r\nContent-Type: application/sdp\r\n", own);
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}
