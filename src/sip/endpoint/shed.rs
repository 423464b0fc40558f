//! The short way out of overload: a new INVITE of a trunk's address is answered 503 from a glance at its lines, at about a third of
//! what reading and judging it costs. Whatever is not plain goes the long way and gets the same answer there.

use super::Endpoint;
use super::overload::{MARK, WORDS};
use crate::clock::Now;
use crate::sip::dialog;
use crate::sip::event::{Flow, SipOut, Transport};
use crate::sip::transaction::Key;
use crate::sip::wire::{Via, Writer, stamp};
use std::net::SocketAddr;

/// The fields that an answer copies (RFC 3261 section 8.2.6), to the octet.
struct Glance<'a> {
    vias: Vec<&'a str>,
    from: &'a str,
    to: &'a str,
    call_id: &'a str,
    cseq: &'a str,
}

impl<'a> Glance<'a> {
    /// None: it is no INVITE outside a dialog, or not plainly written: a fold, a short name, a field twice, a list.
    fn of(bytes: &'a [u8]) -> Option<Glance<'a>> {
        if !bytes.starts_with(b"INVITE ") {
            return None;
        }
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut vias = Vec::new();
        let [mut from, mut to, mut call_id, mut cseq] = [None; 4];
        for line in head.split("\r\n").skip(1) {
            let (name, value) = line.split_once(':')?;
            let field = match name.len() {
                0 | 1 => return None,
                _ if name.starts_with([' ', '\t']) || name.ends_with([' ', '\t']) => return None,
                2 if name.eq_ignore_ascii_case("To") => &mut to,
                3 if name.eq_ignore_ascii_case("Via") => {
                    vias.push(value.trim());
                    continue;
                }
                4 if name.eq_ignore_ascii_case("From") => &mut from,
                4 if name.eq_ignore_ascii_case("CSeq") => &mut cseq,
                7 if name.eq_ignore_ascii_case("Call-ID") => &mut call_id,
                _ => continue,
            };
            if field.replace(value.trim()).is_some() {
                return None;
            }
        }
        let glance = Glance { vias, from: from?, to: to?, call_id: call_id?, cseq: cseq? };
        let new = !glance.to.contains("tag=") && glance.cseq.ends_with(" INVITE");
        new.then_some(glance)
    }
}

/// Where the answer goes, if that takes no thought (RFC 3261 18.2.2, RFC 3581).
fn way_back(via: &Via, flow: Flow) -> Option<Flow> {
    let direct = || via.ip() == Some(flow.remote.ip().to_canonical());
    match flow.transport {
        Transport::Tcp | Transport::Tls => Some(flow),
        Transport::Udp if via.maddr().is_some() => None,
        Transport::Udp if via.wants_rport() => Some(flow),
        Transport::Udp if direct() => {
            let port = via.port.unwrap_or(dialog::PORT);
            Some(Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow })
        }
        Transport::Udp => None,
    }
}

impl Endpoint {
    /// True: it was a new call while too much comes, and is answered.
    pub(super) fn sheds(&mut self, at: Now, flow: Flow, bytes: &[u8]) -> bool {
        if self.draining || !self.overload.is(at.mono) {
            return false;
        }
        let Some(glance) = Glance::of(bytes) else { return false };
        let Some(via) = glance.vias.first().filter(|v| !v.contains(',')).and_then(|v| Via::parse(v).ok())
        else {
            return false;
        };
        let (Some(branch), Some(back)) = (via.unique_branch(), way_back(&via, flow)) else { return false };
        let begun = self.txns.find(&Key::server(branch, &via.sent_by(), "INVITE")).is_some();
        if begun || self.of_flow(&flow).is_empty() {
            return false;
        }
        let tag = self.tag(glance.call_id, glance.from, branch);
        let after = self.retry_after();
        let mut w = Writer::response(503, WORDS);
        for (n, via) in glance.vias.iter().enumerate() {
            w = if n == 0 { w.header("Via", &stamp(via, flow.remote)) } else { w.header("Via", via) };
        }
        let to = format!("{};tag={MARK}{tag}", glance.to);
        let w = w.header("From", glance.from).header("To", &to).header("Call-ID", glance.call_id);
        let w = w.header("CSeq", glance.cseq).header("Retry-After", &after);
        let bytes = w.header("Server", &self.config.user_agent).finish();
        self.out.push_back(SipOut::Send(back, bytes));
        self.refused(flow, 503, &format!("INVITE: {WORDS}"));
        true
    }
}
