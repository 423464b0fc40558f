//! Our document as another peer should read it: a call that goes another way than it began may be seen there under another address of ours.

use bytes::Bytes;
use std::net::IpAddr;

/// The document with `ip` in its `o=` and `c=` lines.
pub fn facing(document: &Bytes, ip: IpAddr) -> Bytes {
    let ip = ip.to_canonical();
    let Ok(text) = std::str::from_utf8(document) else { return document.clone() };
    let here = |line: &str| has_address(line) && address(line) != Some(ip);
    if ip.is_unspecified() || !text.lines().any(here) {
        return document.clone();
    }
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let lines = text.split_inclusive('\n').map(|line| match line.rsplitn(3, ' ').last() {
        Some(head) if here(line.trim_end()) => format!("{head} {family} {ip}\r\n"),
        _ => line.to_owned(),
    });
    lines.collect::<String>().into()
}

fn has_address(line: &str) -> bool {
    line.starts_with("o=") || line.starts_with("c=")
}

fn address(line: &str) -> Option<IpAddr> {
    line.rsplit(' ').next()?.parse().ok()
}
