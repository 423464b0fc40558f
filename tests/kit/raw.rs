//! What a phone's endpoint cannot do, made by hand: requests inside a dialog, offerless INVITEs, keys and voice without an engine.

use super::phone::Phone;
use bytes::{BufMut, Bytes, BytesMut};
use chorus::clock::Now;
use chorus::sdp;

/// CSeq numbers of requests made by hand; those of the endpoint are lifted above them.
const RAW_CSEQ: u32 = 1_000_000;
const BYE_CSEQ: u32 = 2_000_000;

fn head_and_body(text: &str) -> (&str, &str) {
    text.split_once("\r\n\r\n").unwrap_or((text, ""))
}

fn with_body(head: &str, kind: Option<&str>, body: &[u8]) -> Bytes {
    let mut out = String::new();
    for line in head.split("\r\n") {
        let lower = line.to_ascii_lowercase();
        if !lower.starts_with("content-length:") && !lower.starts_with("content-type:") {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    if let Some(kind) = kind {
        out.push_str(&format!("Content-Type: {kind}\r\n"));
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out.into()
}

impl Phone {
    /// What the endpoint wants to send, as this phone sends it.
    pub fn mangle(&mut self, bytes: Bytes) -> Bytes {
        let plain = self.raw_cseq == 0 && !self.offerless;
        if plain {
            return bytes;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, _) = head_and_body(&text);
        if self.offerless && text.starts_with("INVITE ") {
            return with_body(head, None, b"");
        }
        if self.offerless
            && text.starts_with("ACK ")
            && let Some(answer) = &self.late_answer
        {
            let kind = (!answer.is_empty()).then_some("application/sdp");
            return with_body(head, kind, answer);
        }
        if self.raw_cseq > 0 && text.starts_with("BYE ") {
            let lifted: Vec<String> = text
                .split("\r\n")
                .map(|l| if l.starts_with("CSeq:") { format!("CSeq: {BYE_CSEQ} BYE") } else { l.to_owned() })
                .collect();
            return lifted.join("\r\n").into();
        }
        bytes
    }

    /// A request inside the dialog of its call.
    pub fn raw_request(&mut self, method: &str, body: Option<(&str, Bytes)>) -> Option<Bytes> {
        let n = self.raw_cseq + 1;
        let head = self.raw_head(method, method, RAW_CSEQ + n, &format!("z9hG4bKraw{n}"))?;
        self.raw_cseq = n;
        Some(match body {
            Some((kind, body)) => with_body(&head, Some(kind), &body),
            None => with_body(&head, None, b""),
        })
    }

    fn raw_head(&self, method: &str, cseq_method: &str, cseq: u32, branch: &str) -> Option<String> {
        let d = self.dialog.as_ref().filter(|d| !d.remote_tag.is_empty())?;
        let addr = self.addr;
        let transport = if self.tcp { "TCP" } else { "UDP" };
        let _ = cseq_method;
        Some(format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{transport} {addr};rport;branch={branch}\r\nMax-Forwards: 70\r\nFrom: {};tag={}\r\nTo: {};tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{addr}>",
            d.remote_target, d.local_uri, d.local_tag, d.remote_uri, d.remote_tag, d.call_id
        ))
    }

    /// Takes a response to a request made by hand: the ACKs that it wants. None: it is the endpoint's.
    pub fn raw_response(&mut self, now: Now, bytes: &Bytes) -> Option<Vec<Bytes>> {
        let text = String::from_utf8_lossy(bytes);
        if !text.starts_with("SIP/2.0 ") {
            return None;
        }
        let cseq = text.split("\r\n").find_map(|l| l.strip_prefix("CSeq:"))?.trim().to_owned();
        let (n, method) = cseq.split_once(' ')?;
        let n: u32 = n.parse().ok()?;
        let body = head_and_body(&text).1.to_owned();
        if self.offerless
            && method == "INVITE"
            && text.starts_with("SIP/2.0 200")
            && self.late_answer.is_none()
        {
            self.late_answer = Some(self.answer_body(now, Some(&Bytes::from(body))));
            return None;
        }
        if !(RAW_CSEQ..BYE_CSEQ).contains(&n) {
            return None;
        }
        let code: u16 = text.get(8..11)?.parse().ok()?;
        self.told.push(body);
        if method != "INVITE" || code < 200 {
            return Some(vec![]);
        }
        let branch =
            if code < 300 { format!("z9hG4bKack{n}") } else { format!("z9hG4bKraw{}", n - RAW_CSEQ) };
        let head = self.raw_head("ACK", "ACK", n, &branch);
        Some(head.map(|h| with_body(&h, None, b"")).into_iter().collect())
    }

    /// Takes the answer to an offer made by hand: its media follow it.
    pub fn take_answer(&mut self, now: Now) {
        let told = self.told.iter().rfind(|body| body.starts_with("v=0")).cloned();
        self.heard_sdp(now, told.map(Bytes::from).as_ref());
    }

    /// A document of its own.
    pub fn offer(&mut self, direction: sdp::Direction) -> Bytes {
        let local = self.local();
        self.terms.offer(&local, direction).into()
    }

    fn packet(&mut self, pt: u8, marker: bool, ts: u32, payload: &[u8]) {
        let Some(to) = self.peer.as_ref().and_then(|p| p.rtp) else { return };
        self.rtp_seq = self.rtp_seq.wrapping_add(1);
        let mut b = BytesMut::new();
        b.put_u8(0x80);
        b.put_u8(pt | if marker { 0x80 } else { 0 });
        b.put_u16(self.rtp_seq);
        b.put_u32(ts);
        b.put_u32(0x7777);
        b.put_slice(payload);
        self.packets.push((false, to, b.freeze()));
    }

    /// One packet of silence.
    pub fn murmur(&mut self, now: Now) {
        let pt = self.peer.as_ref().map_or(0, |p| p.pt);
        self.packet(pt, false, (now.mono.0 / 125) as u32, &[0xff; 160]);
    }

    /// Keys as RFC 4733 events: one packet that begins, three that end.
    pub fn press_by_hand(&mut self, keys: &str) {
        let Some(pt) = self.peer.as_ref().and_then(|p| p.dtmf_pt) else { return };
        for key in keys.chars() {
            let Some(event) = "0123456789*#ABCD".find(key) else { continue };
            let ts = u32::from(self.rtp_seq).wrapping_mul(4_000);
            self.packet(pt, true, ts, &[event as u8, 10, 0, 160]);
            for _ in 0..3 {
                self.packet(pt, false, ts, &[event as u8, 0x8a, 3, 32]);
            }
        }
    }
}
