//! (s) One request of the test until its answer: sent again while nothing is heard; a call is taken back as soon as it rings, and left
//! as soon as it is answered.

use super::line::{Line, PATIENCE, Reply};
use crate::sip::dialog::Dialog;
use crate::sip::event::{Flow, Transport as Kind};
use crate::sip::transport::Inbound;
use crate::sip::wire::{Message, Method, Verdict, Writer, read_datagram};
use crate::trunk::doctor;
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// First retransmission of a datagram (RFC 3261 T1).
const T1: Duration = Duration::from_millis(500);
/// How long it may take until a call rings: carriers say 100 and search.
const RINGING: Duration = Duration::from_secs(12);
/// How long a 200 may come again behind our ACK: with T1 it does so after half a second.
const AGAIN: Duration = Duration::from_secs(2);

/// What is heard of one request.
struct Hearing<'a> {
    flow: Flow,
    bytes: &'a Bytes,
    /// The last ringing.
    ringing: Option<Message>,
    heard: bool,
    until: Instant,
}

impl Line {
    /// Sends a request until it is answered. A call that rings, or that nobody rings, is taken back; what it then says is passed over.
    pub(super) async fn exchange(&mut self, flow: Flow, bytes: &Bytes, branch: &str, shown: &str) -> Reply {
        // What came behind an answer, and connections that ended since, are of the request before.
        while self.arrivals.try_recv().is_ok() {}
        self.send(flow, bytes.clone(), shown);
        let (mut again, mut interval) = (Instant::now() + T1, T1);
        // A connection that does not come about is reported within the same time, and the reason is worth it.
        let patience = if flow.transport == Kind::Udp { PATIENCE } else { PATIENCE * 2 };
        let mut hearing =
            Hearing { flow, bytes, ringing: None, heard: false, until: Instant::now() + patience };
        while Instant::now() < hearing.until {
            match timeout_at(again.min(hearing.until), self.arrivals.recv()).await {
                Err(_) if Instant::now() >= hearing.until => break,
                Err(_) => {
                    self.send_again(&hearing, shown);
                    interval *= 2;
                    again = Instant::now() + interval;
                }
                Ok(Some(Inbound::Lost(lost))) if lost.remote == flow.remote => {
                    return hearing.ringing.map_or(Reply::Lost, Reply::Last);
                }
                Ok(Some(Inbound::Unreachable(to, words))) if to.remote == flow.remote => {
                    return Reply::Unreachable(words);
                }
                Ok(Some(Inbound::Bytes(_, octets, _))) => {
                    let Some(message) = self.heard(&octets, branch) else { continue };
                    if message.cseq().is_some_and(|c| c.method == Method::Cancel) {
                        continue;
                    }
                    if let Some(last) = self.take(&mut hearing, message) {
                        return Reply::Last(last);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return Reply::Silence,
            }
        }
        match hearing.ringing {
            Some(ringing) => Reply::Last(ringing),
            None if hearing.heard => {
                self.cancel(flow, bytes);
                Reply::Trying
            }
            None => Reply::Silence,
        }
    }

    /// What may have been lost on the way: the request, or the CANCEL of one that rings.
    fn send_again(&mut self, hearing: &Hearing<'_>, shown: &str) {
        match (hearing.flow.transport, hearing.heard) {
            (Kind::Udp, false) => {
                self.send(hearing.flow, hearing.bytes.clone(), &format!("{shown} (again)"));
            }
            (Kind::Udp, true) if hearing.ringing.is_some() => self.cancel(hearing.flow, hearing.bytes),
            _ => {}
        }
    }

    /// Takes in an answer; the last one, if it was that.
    fn take(&mut self, hearing: &mut Hearing<'_>, message: Message) -> Option<Message> {
        let (flow, code) = (hearing.flow, message.code().unwrap_or(0));
        let invite = hearing.bytes.starts_with(b"INVITE ");
        hearing.heard = true;
        if (101..200).contains(&code) && invite {
            if hearing.ringing.is_none() {
                hearing.ringing = Some(message);
                self.cancel(flow, hearing.bytes);
                hearing.until = Instant::now() + PATIENCE;
            }
            return None;
        }
        if code < 200 {
            hearing.until = Instant::now() + if invite { RINGING } else { PATIENCE };
            return None;
        }
        if invite && code >= 300 {
            self.send(flow, derived(hearing.bytes, &Method::Ack, message.headers.get("To")), "ACK");
        }
        // It rang: 487 is the end of our own CANCEL.
        Some(hearing.ringing.take().filter(|_| code >= 300).unwrap_or(message))
    }

    fn cancel(&mut self, flow: Flow, invite: &Bytes) {
        self.send(flow, derived(invite, &Method::Cancel, None), "CANCEL");
    }

    /// Answered: ACK, and BYE when it is known whether that arrives. True: the 200 came again, and once more behind another ACK.
    pub(super) async fn leave(&mut self, flow: Flow, answer: &Message) -> bool {
        let mut dialog = Dialog::uac(answer, flow);
        self.acknowledge(&dialog);
        let mut again = 0_u8;
        let mut until = Instant::now() + AGAIN;
        while let Ok(Some(arrival)) = timeout_at(until, self.arrivals.recv()).await {
            match arrival {
                // As in calls: who came by datagrams, and takes no connection where its Contact says, is sent datagrams.
                Inbound::Unreachable(to, _) if to.remote == dialog.destination().remote => {
                    dialog.datagrams = true;
                    self.acknowledge(&dialog);
                }
                Inbound::Bytes(_, octets, _) if is_success_again(&octets, answer) => {
                    self.note("<-", "200 (again)");
                    again += 1;
                    if again > 1 {
                        break;
                    }
                    self.acknowledge(&dialog);
                    // Its next one comes after twice as long.
                    until = Instant::now() + AGAIN * 2;
                }
                _ => {}
            }
        }
        let branch = self.branch();
        let cseq = dialog.next_cseq();
        let bytes = dialog.request(&Method::Bye, cseq, &branch).finish();
        self.send(dialog.destination(), bytes, "BYE");
        again > 1
    }

    fn acknowledge(&mut self, dialog: &Dialog) {
        let branch = self.branch();
        let bytes = dialog.request(&Method::Ack, dialog.ids.local_cseq, &branch).finish();
        let to = dialog.destination();
        let at = if to.remote == dialog.ids.flow.remote {
            String::new()
        } else {
            format!(" to {}", doctor::way(&to))
        };
        self.send(to, bytes, &format!("ACK{at}"));
    }
}

/// Is it the 2xx of the same INVITE?
fn is_success_again(octets: &Bytes, answer: &Message) -> bool {
    let Verdict::Message(message) = read_datagram(octets) else { return false };
    let number = |m: &Message| m.cseq().map(|c| (c.number, c.method));
    message.code().is_some_and(|code| (200..300).contains(&code))
        && number(&message) == number(answer)
        && message.call_id() == answer.call_id()
}

/// CANCEL of an INVITE, or the ACK of its refusal: the same Request-URI, Via, From, Call-ID and number (RFC 3261 9.1, 17.1.1.3).
fn derived(invite: &Bytes, method: &Method, to: Option<&[u8]>) -> Bytes {
    let Verdict::Message(invite) = read_datagram(invite) else { return Bytes::new() };
    let w = Writer::request(method, invite.uri_text())
        .copy(&invite, "Via")
        .header("Max-Forwards", "70")
        .copy(&invite, "From");
    let w = match to {
        Some(to) => w.header("To", &String::from_utf8_lossy(to)),
        None => w.copy(&invite, "To"),
    };
    let number = invite.cseq().map_or(1, |c| c.number);
    w.copy(&invite, "Call-ID").header("CSeq", &format!("{number} {method}")).finish()
}
