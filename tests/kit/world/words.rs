//! What ladders say about messages, requests and answers.

use super::World;
use bytes::Bytes;
use chorus::clock::Wall;
use chorus::store::rows::Line;

impl World {
    pub fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    pub fn line(&mut self, from: &str, to: &str, what: &str) {
        if self.quiet {
            return;
        }
        self.lines.push(Line {
            at: Wall((self.now.mono.0 / 1_000) as i64),
            from: from.to_owned(),
            to: to.to_owned(),
            what: what.to_owned(),
        });
    }

    /// A message in short, with the phone's name if there are several.
    pub(super) fn named(&self, phone: Option<usize>, bytes: &Bytes) -> String {
        match phone.filter(|i| *i > 0) {
            Some(i) => format!("{}: {}{}", self.phones[i].name, sip_line(bytes), tls(bytes)),
            None => format!("{}{}", sip_line(bytes), tls(bytes)),
        }
    }

    pub fn picture(&self) -> String {
        chorus::telemetry::ladder::render(&self.lines)
    }
}

pub(super) fn answer_line(answer: &chorus::api::command::Answer) -> String {
    use chorus::api::command::Answer;
    match answer {
        Answer::Call(row) => format!("2xx call {}", row.status.as_str()),
        Answer::Recording(row) => format!("2xx recording {}", row.status),
        Answer::Stream(row) => format!("2xx stream {}", row.status),
        Answer::Refused { code, .. } => format!("refused {code}"),
        Answer::Busy => "503".to_owned(),
        Answer::NotLive => "not live".to_owned(),
        _ => "done".to_owned(),
    }
}

/// A request that goes over TLS says so.
fn tls(bytes: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(bytes);
    let request = !text.starts_with("SIP/2.0 ");
    let via = text.lines().find(|l| l.starts_with("Via:")).unwrap_or("");
    if request && via.contains("SIP/2.0/TLS") { ", TLS" } else { "" }
}

/// `INVITE`, `200 INVITE`.
pub(super) fn sip_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return vec!["CRLF"; text.matches("\r\n").count()].join(" ");
    }
    let first = text.lines().next().unwrap_or("");
    let cseq = text.lines().find(|l| l.starts_with("CSeq:")).unwrap_or("");
    let method = cseq.rsplit(' ').next().unwrap_or("");
    let leaves = first.starts_with("REGISTER ") && text.contains("\r\nExpires: 0\r\n");
    let sdp = if leaves { " expires=0" } else { "" };
    let keys = text.contains("\r\na=crypto:");
    let sdp = match text.contains("\r\n\r\nv=0") {
        true if text.contains("RTP/SAVP") && keys => " (sdp RTP/SAVP, keys)",
        true if keys => " (sdp, keys)",
        true => " (sdp)",
        false => sdp,
    };
    let told = text.split_once("\r\n\r\nSIP/2.0 ").map(|(_, line)| format!(" {}", line.trim()));
    let sdp = told.as_deref().unwrap_or(sdp);
    match first.strip_prefix("SIP/2.0 ") {
        Some(status) => format!("{} {method}{sdp}", status.split(' ').next().unwrap_or("")),
        None => {
            let shown =
                ["\r\nAuthorization:", "\r\nProxy-Authorization:"].iter().filter(|f| text.contains(**f));
            let digests = ["", " (digest)", " (two digests)"][shown.count()];
            format!("{}{sdp}{digests}", first.split(' ').next().unwrap_or(""))
        }
    }
}

pub(super) fn fetch_line(path: &str, params: &[(String, String)]) -> String {
    let interesting = [
        "CallStatus",
        "Digits",
        "DialCallStatus",
        "RecordingStatus",
        "RecordingDuration",
        "StreamEvent",
        "CallDuration",
        "SequenceNumber",
        "ErrorCode",
        "DialBridged",
        "ReferCallStatus",
        "ReferSipResponseCode",
        "NotifySipResponseCode",
    ];
    let shown: Vec<String> = params
        .iter()
        .filter(|(k, _)| interesting.contains(&k.as_str()))
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    format!("{path} {}", shown.join(" "))
}

pub(super) fn body_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.strip_prefix("<Response>").and_then(|t| t.strip_suffix("</Response>")).unwrap_or(&text).to_owned()
}
