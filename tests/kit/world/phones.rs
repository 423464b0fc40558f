//! Phones: what a test lets them do, and the network between them and Chorus.

use super::queue::Ev;
use super::{CHORUS, World};
use crate::kit::phone::Phone;
use bytes::Bytes;
use chorus::clock::Now;
use chorus::media::plan::Clip;
use chorus::sip::event::{Flow, LegId, SipCmd, SipOut, Transport};
use chorus::switch::Input;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;

impl World {
    /// A phone at 10.0.1.`host`.
    pub fn phone(&mut self, name: &'static str, host: u8) -> usize {
        let addr: SocketAddr = format!("10.0.1.{host}:5060").parse().unwrap();
        let seed = 1_000 + u64::from(host) * 7 + self.rng.below(1 << 40);
        self.phones.push(Phone::new(name, addr, CHORUS.parse().unwrap(), seed));
        self.phones.len() - 1
    }

    /// Dials `user` at Chorus.
    pub fn dial(&mut self, phone: usize, user: &str) -> LegId {
        self.dial_with(phone, user, "+15559999", vec![])
    }

    pub fn dial_with(
        &mut self,
        phone: usize,
        user: &str,
        from: &str,
        headers: Vec<(String, String)>,
    ) -> LegId {
        let leg = self.phones[phone].invite(self.now, user, from, CHORUS.parse().unwrap(), headers);
        self.settle_phone(phone);
        leg
    }

    pub fn hang_up(&mut self, phone: usize) {
        let now = self.now;
        self.phones[phone].hang_up(now);
        self.settle_phone(phone);
    }

    pub fn press(&mut self, phone: usize, keys: &str) {
        self.line("phone", "chorus", &format!("keys {keys} (RTP)"));
        let now = self.now;
        self.phones[phone].press(now, keys);
        self.settle_phone(phone);
    }

    pub fn talk(&mut self, phone: usize, clip: Option<Arc<Clip>>) {
        let now = self.now;
        self.phones[phone].say(now, clip);
        self.settle_phone(phone);
    }

    /// Lets a phone do something with its endpoint.
    pub fn with_phone(&mut self, phone: usize, f: impl FnOnce(&mut Phone, Now)) {
        let now = self.now;
        f(&mut self.phones[phone], now);
        self.settle_phone(phone);
    }

    /// A request that the phone's endpoint knows nothing of: re-INVITE, UPDATE, INFO, OPTIONS.
    pub fn raw(&mut self, phone: usize, method: &str, body: Option<(&str, Bytes)>) {
        if let Some(bytes) = self.phones[phone].raw_request(method, body) {
            self.send_raw(phone, bytes);
        }
    }

    /// Hold, resume or refresh by re-INVITE or UPDATE.
    pub fn reoffer(&mut self, phone: usize, method: &str, direction: chorus::sdp::Direction) {
        let body = self.phones[phone].offer(direction);
        self.raw(phone, method, Some(("application/sdp", body)));
    }

    /// A message, as the test writes it.
    pub fn send_text(&mut self, phone: usize, text: String) {
        self.send_raw(phone, text.into());
    }

    /// What a phone that the test plays says to a message.
    fn heard_by_hand(&mut self, i: usize, bytes: &Bytes) -> bool {
        let Some(mut hand) = self.phones[i].by_hand.take() else { return false };
        for (ms, text) in hand(&crate::kit::hand::read(bytes)) {
            self.at(ms * 1_000, Ev::ByHand(i, text.into()));
        }
        self.phones[i].by_hand = Some(hand);
        true
    }

    pub fn send_raw(&mut self, phone: usize, bytes: Bytes) {
        if !self.quiet {
            let what = self.named(Some(phone), &bytes);
            self.line("phone", "chorus", &what);
        }
        self.phone_sends(phone, 0, bytes);
    }

    /// Over its connection, or as a datagram.
    fn phone_sends(&mut self, i: usize, conn: u64, bytes: Bytes) {
        if self.phones[i].tcp || self.phones[i].tls || conn != 0 {
            return self.tcp_from_phone(i, conn, &bytes);
        }
        let flow = flow_to(self.phones[i].addr);
        for after in self.net.deliveries(&mut self.rng) {
            self.at(after, Ev::Switch(Box::new(Input::Sip(flow, bytes.clone()))));
        }
    }

    /// A whole message reaches a phone.
    pub(super) fn phone_hears(&mut self, i: usize, flow: Flow, bytes: &Bytes) {
        let now = self.now;
        if bytes.trim_ascii().is_empty() {
            // No phone takes line ends for a message.
            return self.phones[i].nudges += 1;
        }
        if self.heard_by_hand(i, bytes) {
            return;
        }
        if let Some(answer) = self.phones[i].registrar.as_mut().and_then(|r| r.hear(bytes)) {
            return answer.into_iter().for_each(|answer| self.send_raw(i, answer));
        }
        match self.phones[i].raw_response(now, bytes) {
            Some(acks) => acks.into_iter().for_each(|ack| self.send_raw(i, ack)),
            None => self.phones[i].endpoint.on_bytes(now, flow, bytes),
        }
        self.settle_phone(i);
    }

    pub(super) fn send_sip(&mut self, flow: Flow, bytes: Bytes) {
        (self.now.mono.0, &bytes).hash(&mut self.hash);
        self.oracle.sent(self.now.mono, &bytes);
        let phone = self.phones.iter().position(|p| p.addr.ip() == flow.remote.ip());
        if !self.quiet {
            let what = self.named(phone, &bytes);
            self.line("chorus", "phone", &what);
        }
        if flow.transport == Transport::Tls && !phone.is_some_and(|i| self.phones[i].tls) {
            // Nobody here has a certificate that could be believed.
            let words = format!("no TLS connection to {}: its certificate has expired", flow.remote);
            self.at(200, Ev::Switch(Box::new(Input::Unreachable(flow, words))));
        } else if matches!(flow.transport, Transport::Tcp | Transport::Tls) {
            self.tcp_from_chorus(flow, &bytes);
        } else if let Some(phone) = phone.filter(|i| self.phones[*i].addr == flow.remote) {
            for after in self.net.deliveries(&mut self.rng) {
                self.at(after, Ev::SipToPhone(phone, bytes.clone()));
            }
        }
    }

    /// What a phone wants, until it wants nothing.
    pub(super) fn settle_phone(&mut self, i: usize) {
        let now = self.now;
        loop {
            let mut moved = false;
            while let Some(out) = self.phones[i].endpoint.poll() {
                moved = true;
                match out {
                    SipOut::Send(flow, bytes) => {
                        let bytes = self.phones[i].mangle(bytes);
                        if self.phones[i].mute && bytes.starts_with(b"NOTIFY ") {
                            continue;
                        }
                        if !self.quiet {
                            let what = self.named(Some(i), &bytes);
                            self.line("phone", "chorus", &what);
                        }
                        self.phone_sends(i, flow.conn, bytes);
                    }
                    SipOut::Resolve(id, _) => {
                        let transport = match (self.phones[i].tls, self.phones[i].tcp) {
                            (true, _) => Transport::Tls,
                            (false, true) => Transport::Tcp,
                            (false, false) => Transport::Udp,
                        };
                        let flow = Flow {
                            transport,
                            remote: CHORUS.parse().unwrap(),
                            local: self.phones[i].addr,
                            conn: 0,
                        };
                        self.phones[i].endpoint.command(now, SipCmd::Resolved(id, vec![flow]));
                    }
                    SipOut::Event(e) => {
                        for (ms, later) in self.phones[i].on_event(now, e) {
                            self.at(ms * 1_000, Ev::Later(i, later));
                        }
                    }
                }
            }
            for (rtcp, to, bytes) in self.phones[i].drain(now) {
                let leg = self.homes.iter().find(|(_, h)| h.local.port() == to.port() & !1).map(|(l, _)| *l);
                if let Some(leg) = leg.filter(|_| !self.phones[i].silent) {
                    let from = self.phones[i].rtp;
                    let from = if rtcp { SocketAddr::new(from.ip(), from.port() + 1) } else { from };
                    for after in self.net.deliveries(&mut self.rng) {
                        self.at(after, Ev::RtpToChorus(leg, rtcp, from, bytes.clone()));
                    }
                }
            }
            if !moved {
                break;
            }
        }
        self.arm_phone(i);
        self.rearm();
    }

    /// Wakes up for what its endpoint does next.
    pub(super) fn arm_phone(&mut self, i: usize) {
        let now = self.now.mono.0;
        if let Some(at) = self.phones[i].endpoint.poll_timeout() {
            let at = at.0.max(now);
            if self.wake_at.is_none_or(|w| w > at) {
                self.wake_at = Some(at);
                self.at(at - now, Ev::Wake);
            }
        }
    }
}

pub(super) fn flow_to(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, remote, local: CHORUS.parse().unwrap(), conn: 0 }
}
