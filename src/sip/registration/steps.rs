//! What the transitions of a registration do.

use super::{
    ASKED_S, BACK_OFF_FIRST, BACK_OFF_MAX, Cx, Do, GRANTED_MAX_S, LOOKUP_PATIENCE, Phase, REFRESH_MIN,
    REFUSED_WAIT, RETRY_AFTER_MAX, Registration, Standing, TRIES_MAX, Wanted,
};
use crate::sip::digest::{self, DigestError, Protected};
use crate::sip::event::Flow;
use crate::sip::transaction::Failure;
use crate::sip::wire::{CSEQ_MAX, Message, Method, Start, reason};
use std::time::Duration;

/// Most characters of a reason phrase that are repeated to users.
const WORDS_MAX: usize = 100;

/// Why a round came to nothing.
struct Trouble {
    words: String,
    /// The peer answered, and said no.
    refused: bool,
    retry_after: Duration,
}

impl Trouble {
    fn silent(words: &str) -> Trouble {
        Trouble { words: words.to_owned(), refused: false, retry_after: Duration::ZERO }
    }

    /// `403 Forbidden`.
    fn said(code: u16, answer: &Message, refused: bool) -> Trouble {
        let phrase = match &answer.start {
            Start::Response { reason, .. } if !reason.is_empty() => reason.as_str(),
            _ => reason::phrase(code),
        };
        let words = format!("{code} {}", phrase.chars().take(WORDS_MAX).collect::<String>());
        let retry_after = answer.seconds("Retry-After").unwrap_or(0);
        Trouble { words, refused, retry_after: Duration::from_secs(retry_after.into()) }
    }
}

impl Registration {
    /// A new row, or a changed one. The token stays with the address that is registered: a second one would be a second
    /// Contact of ours, and the peer would call both. Another registrar does not keep the right to call us by the old.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, wanted: Wanted) {
        if wanted.address() != self.wanted.address() {
            self.token = cx.rng.hex(32);
        }
        if wanted.hop != self.wanted.hop {
            self.flow = None;
            self.addresses.clear();
        }
        self.wanted = wanted;
        self.asks_s = ASKED_S;
        self.failures = 0;
        self.pings.forget();
        self.state.expires = None;
        self.show(cx, Standing::Registering, None);
        self.look_up(cx);
    }

    pub(super) fn look_up(&mut self, cx: &mut Cx<'_>) {
        self.phase = Phase::LookingUp(cx.now.mono + LOOKUP_PATIENCE);
        cx.out.push(Do::LookUp(self.wanted.hop.clone()));
    }

    /// The address that took us is asked first, as long as it is among them; it is asked alone while names cannot be found.
    pub(super) fn found(&mut self, cx: &mut Cx<'_>, flows: Vec<Flow>) {
        if !flows.is_empty() {
            self.addresses = flows.iter().map(|f| f.remote.ip().to_canonical()).collect();
        }
        self.targets = flows.into();
        if let Some(kept) = self.flow {
            let none = self.targets.is_empty();
            let same = |t: &Flow| t.remote == kept.remote && t.transport == kept.transport;
            let at = self.targets.iter().position(same);
            let known = at.and_then(|at| self.targets.remove(at));
            self.targets.extend(none.then_some(kept));
            if let Some(flow) = known {
                self.targets.push_front(flow);
            }
        }
        self.next_target(cx, Trouble::silent("the host has no address"));
    }

    fn next_target(&mut self, cx: &mut Cx<'_>, trouble: Trouble) {
        let Some(flow) = self.targets.pop_front() else { return self.back_off(cx, trouble) };
        self.phase = Phase::Asking(flow);
        self.tries = 0;
        self.ask_anew(cx, flow, self.asks_s);
    }

    /// Without what an earlier challenge taught: each REGISTER is challenged by itself.
    fn ask_anew(&mut self, cx: &mut Cx<'_>, flow: Flow, expires_s: u32) {
        self.digest = digest::Client::default();
        self.authorization.clear();
        self.ask(cx, flow, expires_s);
    }

    fn ask(&mut self, cx: &mut Cx<'_>, flow: Flow, expires_s: u32) {
        self.cseq = self.cseq.saturating_add(1).min(CSEQ_MAX);
        self.tries = self.tries.saturating_add(1);
        cx.out.push(Do::Register { flow, number: self.cseq, expires_s });
    }

    pub(super) fn answered(&mut self, cx: &mut Cx<'_>, flow: Flow, answer: &Message) {
        match answer.code().unwrap_or_default() {
            ..200 => {}
            200..300 => self.accepted(cx, flow, answer),
            401 | 407 => self.challenged(cx, flow, answer),
            423 => self.too_brief(cx, flow, answer),
            code @ (408 | 500..600) => self.next_target(cx, Trouble::said(code, answer, false)),
            code => self.back_off(cx, Trouble::said(code, answer, true)),
        }
    }

    pub(super) fn unanswered(&mut self, cx: &mut Cx<'_>, why: Failure) {
        let words = match why {
            Failure::Timeout => "no answer to REGISTER",
            Failure::Transport => "no connection",
        };
        self.next_target(cx, Trouble::silent(words));
    }

    /// No connection came about.
    pub(super) fn unreachable(&mut self, cx: &mut Cx<'_>, words: &str) {
        self.next_target(cx, Trouble::silent(words));
    }

    /// Is this the connection that the peer would call us over?
    pub(super) fn rests_on(&self, lost: &Flow) -> bool {
        self.flow.is_some_and(|f| f.transport == lost.transport && f.remote == lost.remote)
    }

    /// Until we register anew the peer cannot reach us (RFC 5626 section 4.5): at once, unless the last connection broke as soon as
    /// it was there.
    pub(super) fn lost(&mut self, cx: &mut Cx<'_>) {
        let at = self.reconnected.replace(cx.now.mono);
        match at.is_none_or(|at| cx.now.mono.since(at) >= BACK_OFF_FIRST) {
            true => self.look_up(cx),
            false => self.back_off(cx, Trouble::silent("the connection breaks again and again")),
        }
    }

    fn accepted(&mut self, cx: &mut Cx<'_>, flow: Flow, answer: &Message) {
        let granted_s = self.granted_s(&flow, answer).min(GRANTED_MAX_S);
        if granted_s == 0 {
            let mut trouble = Trouble::said(200, answer, true);
            trouble.words.push_str(", but for no time");
            return self.back_off(cx, trouble);
        }
        let granted = Duration::from_secs(granted_s.into());
        self.phase = Phase::Registered(cx.now.mono + (granted / 2).max(REFRESH_MIN));
        self.flow = Some(flow);
        self.failures = 0;
        if self.state.state == Standing::Down {
            self.pings.up();
        }
        self.pings.start(cx.now.mono);
        let refreshed = self.state.state == Standing::Registered;
        self.state.expires = Some(cx.now.wall.plus(granted));
        self.state.stand(cx.now.wall, Standing::Registered, None);
        if !refreshed {
            cx.out.push(Do::Show);
        }
    }

    fn challenged(&mut self, cx: &mut Cx<'_>, flow: Flow, answer: &Message) {
        match self.authorize(cx, answer) {
            Ok(()) => self.ask(cx, flow, self.asks_s),
            Err(why) => {
                let mut trouble = Trouble::said(answer.code().unwrap_or_default(), answer, true);
                if why == DigestError::Rejected {
                    trouble.words.push_str(": user or password is wrong");
                }
                self.back_off(cx, trouble);
            }
        }
    }

    /// Answers the challenge in the next REGISTER, and those before it anew.
    fn authorize(&mut self, cx: &mut Cx<'_>, answer: &Message) -> Result<(), DigestError> {
        let credentials = self.wanted.credentials.as_ref().ok_or(DigestError::NoChallenge)?;
        if self.tries >= TRIES_MAX {
            return Err(DigestError::Rejected);
        }
        let request = Protected { method: &Method::Register, uri: &self.wanted.registrar, body: &[] };
        let (shown, cnonce) = (&self.authorization, cx.rng.hex(16));
        self.authorization = self.digest.answer(answer, &request, shown, credentials, &cnonce)?;
        Ok(())
    }

    /// 423: as long as it wants, if that is longer and can be believed (RFC 3261 section 10.2.8).
    fn too_brief(&mut self, cx: &mut Cx<'_>, flow: Flow, answer: &Message) {
        let least = answer.seconds("Min-Expires").filter(|s| *s > self.asks_s && *s <= GRANTED_MAX_S);
        match least.filter(|_| self.tries < TRIES_MAX) {
            Some(least) => {
                self.asks_s = least;
                self.ask_anew(cx, flow, least);
            }
            None => self.back_off(cx, Trouble::said(423, answer, true)),
        }
    }

    /// Half to the whole of the present step, so that many who lost their peer at once do not come back at once (RFC 5626
    /// section 4.5).
    fn back_off(&mut self, cx: &mut Cx<'_>, trouble: Trouble) {
        let wait = if trouble.refused {
            self.pings.stop();
            REFUSED_WAIT
        } else {
            let doubled = 2_u32.saturating_pow(self.failures.min(16));
            self.failures = self.failures.saturating_add(1);
            let half = BACK_OFF_FIRST.saturating_mul(doubled).min(BACK_OFF_MAX) / 2;
            half + Duration::from_millis(cx.rng.below(u64::try_from(half.as_millis()).unwrap_or(0)))
        };
        let wait = wait.max(trouble.retry_after.min(RETRY_AFTER_MAX));
        self.phase = Phase::Waiting { until: cx.now.mono + wait, refused: trouble.refused };
        let down = self.state.state == Standing::Down && !trouble.refused;
        let standing = if down { Standing::Down } else { Standing::Failed };
        self.state.stand(cx.now.wall, standing, Some(trouble.words));
        self.state.next_try = Some(cx.now.wall.plus(wait));
        cx.out.push(Do::Show);
    }

    /// A REGISTER that is out may still be taken, so it too is taken back.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.pings.stop();
        let asked = if let Phase::Asking(flow) = self.phase { Some(flow) } else { None };
        let Some(flow) = asked.or(self.flow) else { return self.gone(cx) };
        self.phase = Phase::Leaving(flow);
        self.tries = 0;
        self.ask_anew(cx, flow, 0);
    }

    pub(super) fn left(&mut self, cx: &mut Cx<'_>, flow: Flow, answer: &Message) {
        let code = answer.code().unwrap_or_default();
        if code < 200 {
            return;
        }
        match matches!(code, 401 | 407) && self.authorize(cx, answer).is_ok() {
            true => self.ask(cx, flow, 0),
            false => self.gone(cx),
        }
    }

    pub(super) fn gone(&mut self, cx: &mut Cx<'_>) {
        self.phase = Phase::Gone;
        cx.out.push(Do::Gone);
    }

    pub(super) fn ping_if_due(&mut self, cx: &mut Cx<'_>) {
        let Some(flow) = self.flow else { return };
        if let Some(number) = self.pings.due(cx.now.mono) {
            cx.out.push(Do::Ping { flow, number });
        }
    }

    /// Whatever it says, the peer is there: a registration that waits for it need not wait any longer.
    pub(super) fn pong(&mut self, cx: &mut Cx<'_>, number: u32) {
        if !self.pings.answered(number) {
            return;
        }
        if self.state.state == Standing::Down {
            let still = self.state.expires.is_some_and(|at| at > cx.now.wall);
            self.show(cx, if still { Standing::Registered } else { Standing::Registering }, None);
        }
        self.try_now(cx, false);
    }

    /// The third in a row: the peer may have restarted and forgotten us.
    pub(super) fn missed(&mut self, cx: &mut Cx<'_>, number: u32) {
        if self.pings.missed(number) {
            self.show(cx, Standing::Down, Some("no answer to OPTIONS".to_owned()));
            self.try_now(cx, true);
        }
    }

    fn try_now(&mut self, cx: &mut Cx<'_>, registered: bool) {
        match self.phase {
            Phase::Registered(_) if registered => self.look_up(cx),
            Phase::Waiting { refused: false, .. } => self.look_up(cx),
            _ => {}
        }
    }

    fn show(&mut self, cx: &mut Cx<'_>, standing: Standing, error: Option<String>) {
        self.state.stand(cx.now.wall, standing, error);
        cx.out.push(Do::Show);
    }
}
