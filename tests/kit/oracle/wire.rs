//! What leaves Chorus and what reaches it: may it, by what is durable?

use super::{Oracle, param};
use chorus::api::command::Answer;
use chorus::call::event::Ticket;
use chorus::clock::Mono;
use chorus::sid::CallSid;
use chorus::store::rows::CallStatus;
use chorus::webhooks::request::{FetchRequest, Purpose};

/// RFC 3261 section 15 with 64*T1: a 200 without ACK may be followed by BYE after this.
const UNACKED_US: u64 = 32_000_000;

#[derive(Default)]
pub(super) struct Inbound {
    /// When our first 200 left, with our tag in it.
    pub(super) answered: Option<(Mono, String)>,
    acked: bool,
}

fn header(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|l| {
        l.len() > name.len() && l[..name.len()].eq_ignore_ascii_case(name) && l[name.len()..].starts_with(':')
    })?;
    Some(line[name.len() + 1..].trim().to_owned())
}

fn tag(address: &str) -> String {
    address.split(";tag=").nth(1).and_then(|t| t.split(';').next()).unwrap_or("").to_owned()
}

impl Oracle {
    /// A message that reaches Chorus.
    pub fn received(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some(call) = header(&text, "Call-ID") else { return };
        let begins = !header(&text, "To").unwrap_or_default().contains("tag=");
        if text.starts_with("INVITE ") && begins {
            self.inbound.entry(call).or_default();
        } else if text.starts_with("ACK ")
            && let Some(i) = self.inbound.get_mut(&call)
        {
            i.acked = true;
        }
    }

    /// A message that Chorus sends.
    pub fn sent(&mut self, now: Mono, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let Some(call) = header(&text, "Call-ID") else { return };
        let cseq = header(&text, "CSeq").unwrap_or_default();
        let to = header(&text, "To").unwrap_or_default();
        if text.starts_with("SIP/2.0 200") && cseq.ends_with("INVITE") && self.inbound.contains_key(&call) {
            let status = self.dialogs.get(&call).and_then(|sid| self.status_of(*sid));
            if !matches!(status, Some(CallStatus::InProgress | CallStatus::Completed | CallStatus::Failed)) {
                self.complain(format!("200 to {call} while its durable row says {status:?}"));
            }
            self.inbound.entry(call).or_default().answered.get_or_insert((now, tag(&to)));
        } else if text.starts_with("INVITE ") && !to.contains("tag=") {
            let Some(sid) = header(&text, "X-Chorus-Call-Sid").and_then(|s| CallSid::parse(&s)) else {
                return self.complain(format!("INVITE of {call} without X-Chorus-Call-Sid"));
            };
            if !self.invited.contains(&sid) {
                self.complain(format!("INVITE of {sid} left before its row said so"));
            }
            let known = self.dialled.entry(sid).or_insert_with(|| call.clone()).clone();
            if known != call {
                self.complain(format!("{sid} was dialled twice"));
            }
        } else if text.starts_with("BYE ")
            && let Some(i) = self.inbound.get(&call)
            && let Some((at, ours)) = &i.answered
            && !i.acked
            && self.born < *at
            && *ours == tag(&header(&text, "From").unwrap_or_default())
            && now.0 < at.0 + UNACKED_US
        {
            self.complain(format!("BYE of {call} before the ACK of its 200"));
        }
    }

    pub fn replied(&mut self, ticket: Ticket, answer: &Answer) {
        let Answer::Call(row) = answer else { return };
        if !self.history.contains_key(&row.sid) {
            self.complain(format!("{} was answered to REST before it was durable", row.sid));
        }
        self.accepted.insert(ticket, row.sid);
    }

    pub fn fetched(&mut self, r: &FetchRequest) {
        if r.purpose != Purpose::Callback {
            return;
        }
        let id = u128::from_str_radix(&r.token.replace('-', ""), 16).unwrap_or(0);
        if !self.callbacks.contains(&id) {
            self.complain(format!(
                "a callback to {} left that no durable transaction holds (token {})",
                r.url, r.token
            ));
        }
        let p = |name| param(&r.params, name);
        let key =
            ["CallSid", "SequenceNumber", "RecordingSid", "RecordingStatus", "StreamSid", "StreamEvent"]
                .map(p)
                .join("/");
        let known = self.first_tokens.get(&key).cloned();
        match known {
            Some(token) if token != r.token => {
                self.complain(format!("the callback {key} came again with another token"));
            }
            Some(_) => {}
            None => {
                self.first_tokens.insert(key, r.token.clone());
                if let (Some(sid), Ok(n)) = (CallSid::parse(p("CallSid")), p("SequenceNumber").parse::<u32>())
                {
                    let last = self.last_sequence.insert(sid, n);
                    if last.is_some_and(|l| l > n) {
                        self.complain(format!("callback {n} of {sid} left after {last:?}"));
                    }
                }
            }
        }
    }
}
