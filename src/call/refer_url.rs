//! A REFER in a Dial with `referUrl`: the application says what becomes of who stays, by a document (twiml.md 3.2).
//!
//! ```text
//!  the referrer's call                            the call that stays
//!  REFER --202, NOTIFY 100--> AskApp -----------> asks referUrl, both are connected still
//!    |<- Transferred: NOTIFY 200, BYE ------------- answered, or not: its document begins            (without answerOnBridge)
//!    |<- Hold ------------------------------------- answered: its document begins, they are parked   (with answerOnBridge)
//!    |<- Transferred: NOTIFY 200, BYE ------------- its Dial connects somebody
//!    +<- Resume, Transferring: NOTIFY 480 --------- it ends without: all is as before
//! ```

use super::call::Call;
use super::cx::Cx;
use super::event::{Effect, Word};
use super::notify;
use super::phase::Phase;
use super::phase::fetching::Fetching;
use super::program::Program;
use super::timers::TimerKind;
use super::transfer::Transfer;
use crate::media::plan::{Keys, Source};
use crate::sid::CallSid;
use crate::sip::event::{Cause, LegId};
use crate::sip::refer::ReferTo;
use crate::store::rows::Hook;
use crate::webhooks::request::{FetchError, FetchId, Fetched, Method};

/// Whom to ask what a transfer shall do.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferUrl {
    /// Absolute.
    pub hook: Hook,
    /// The referrer stays until somebody else is connected (answerOnBridge of the Dial).
    pub keep: bool,
}

/// Its answer is awaited; who stays and who refers are connected still.
pub struct Asking {
    fetch: Fetching,
    referrer: Option<CallSid>,
    keep: bool,
}

/// Its document runs; who refers waits.
pub struct Parked {
    referrer: CallSid,
    phase: Phase,
    program: Program,
}

impl Call {
    /// Whom a REFER of its peer is told to.
    fn refer_url(&self) -> Option<ReferUrl> {
        match &self.phase {
            Phase::Dialling(d) => d.refer_url(self.program.base.as_deref()),
            Phase::Bridged(_) => self.refer_url.clone(),
            _ => None,
        }
    }

    /// REFER: does the application decide? False: the peer's own rights do.
    pub(super) fn asks_app(&mut self, cx: &mut Cx<'_>, to: &ReferTo) -> bool {
        let (Some(stays), Some(ask)) = (self.partner(), self.refer_url()) else { return false };
        if self.is_ending() || !matches!(self.transfer, Transfer::None) {
            return false;
        }
        self.accept_refer(cx, to.uri.clone());
        cx.push(Effect::Tell(stays, Word::AskApp { ask, target: to.header.clone() }));
        true
    }

    /// It stays, and the application is asked what it shall do.
    pub(super) fn on_ask_app(&mut self, cx: &mut Cx<'_>, from: CallSid, ask: ReferUrl, target: String) {
        let free =
            !self.is_ending() && self.partner() == Some(from) && matches!(self.transfer, Transfer::None);
        if !free || !self.program.has_room() {
            let words = "The call is over".to_owned();
            return cx.push(Effect::Tell(from, Word::Transferring { code: 487, words }));
        }
        let ReferUrl { hook, keep } = ask;
        match self.request(cx, &hook, vec![("ReferTransferTarget".to_owned(), target)]) {
            Ok(request) => {
                let id = cx.ids.fetch();
                let method = if request.method == Method::Get { "GET" } else { "POST" };
                cx.trace("chorus", "app", format!("{method} {}", super::requests::host(&hook.url)));
                let fetch = Fetching { id, url: hook.url, request: request.clone() };
                self.transfer = Transfer::Asking(Box::new(Asking { fetch, referrer: Some(from), keep }));
                cx.push(Effect::Fetch(id, Box::new(request)));
            }
            Err(e) => {
                notify::about_fetch(cx, &self.row, &hook.url, None, &e);
                cx.push(Effect::Tell(from, not_decided()));
            }
        }
    }

    /// The application's answer. False: it was not asked that.
    pub(super) fn is_told_of_refer(
        &mut self,
        cx: &mut Cx<'_>,
        id: FetchId,
        result: &Result<Fetched, FetchError>,
    ) -> bool {
        if !matches!(&self.transfer, Transfer::Asking(asking) if asking.fetch.id == id) {
            return false;
        }
        let Transfer::Asking(asking) = std::mem::take(&mut self.transfer) else { return false };
        let Asking { fetch, referrer, keep } = *asking;
        match (referrer.filter(|_| keep), result) {
            (Some(referrer), Err(e)) => {
                notify::about_fetch(cx, &self.row, &fetch.url, Some(&fetch.request), e);
                cx.push(Effect::Tell(referrer, not_decided()));
                return true;
            }
            (Some(referrer), Ok(_)) => self.park(cx, referrer),
            (None, _) => self.part_from(cx, referrer),
        }
        // It is handled as every document is.
        self.phase = Phase::Fetching(fetch);
        false
    }

    /// The referrer goes, whatever becomes of the document.
    fn part_from(&mut self, cx: &mut Cx<'_>, referrer: Option<CallSid>) {
        if let Some(referrer) = referrer {
            cx.push(Effect::Tell(referrer, Word::Transferred));
        }
        if let Phase::Dialling(d) = &mut self.phase {
            d.leave_partner();
            d.tap().into_iter().for_each(|tap| self.recordings.stop(tap));
        }
        self.parent = self.parent.filter(|parent| Some(*parent) != referrer);
        self.interrupt(cx);
        self.program = std::mem::take(&mut self.program).replaced();
    }

    /// The referrer waits: it is gone back to if nobody else is connected.
    fn park(&mut self, cx: &mut Cx<'_>, referrer: CallSid) {
        let phase = std::mem::replace(&mut self.phase, Phase::Ending);
        let beside = self.program.beside();
        let program = std::mem::replace(&mut self.program, beside);
        self.timers.disarm(TimerKind::DialLimit);
        self.hush(cx);
        self.transfer = Transfer::Parked(Box::new(Parked { referrer, phase, program }));
        cx.push(Effect::Tell(referrer, Word::Hold));
    }

    /// The document is through and has connected nobody: all is as before. False: nobody waits.
    pub(super) fn unpark(&mut self, cx: &mut Cx<'_>) -> bool {
        if !matches!(self.transfer, Transfer::Parked(_)) || self.is_ending() {
            return false;
        }
        let Transfer::Parked(parked) = std::mem::take(&mut self.transfer) else { return false };
        let Parked { referrer, phase, program } = *parked;
        self.program = program.after(std::mem::take(&mut self.program));
        let leg = match &phase {
            Phase::Dialling(d) => {
                self.timers.arm(TimerKind::DialLimit, d.limit(cx.now.mono));
                d.leg()
            }
            Phase::Bridged(b) => b.with,
            _ => None,
        };
        self.phase = phase;
        cx.trace("chorus", "chorus", "bridged again");
        if let Some(leg) = leg {
            let keys = self.dial_keys();
            self.play(cx, Source::Leg(leg), keys);
        }
        cx.push(Effect::Tell(referrer, Word::Resume { leg: self.leg.id }));
        let words = "Nobody was connected".to_owned();
        cx.push(Effect::Tell(referrer, Word::Transferring { code: 480, words }));
        true
    }

    /// Somebody else is connected: the referrer goes.
    pub(super) fn leave_parked(&mut self, cx: &mut Cx<'_>) {
        if !matches!(self.transfer, Transfer::Parked(_)) {
            return;
        }
        let Transfer::Parked(parked) = std::mem::take(&mut self.transfer) else { return };
        self.parent = self.parent.filter(|parent| *parent != parked.referrer);
        self.forget_parked(&parked);
        cx.push(Effect::Tell(parked.referrer, Word::Transferred));
    }

    /// The referrer has hung up meanwhile. False: it was another.
    pub(super) fn parked_left(&mut self, from: CallSid) -> bool {
        if !matches!(&self.transfer, Transfer::Parked(parked) if parked.referrer == from) {
            return false;
        }
        let Transfer::Parked(parked) = std::mem::take(&mut self.transfer) else { return false };
        self.parent = self.parent.filter(|parent| *parent != from);
        self.forget_parked(&parked);
        true
    }

    /// Nobody goes back to the referrer. A parent of this call hears of it as its parent.
    pub(super) fn drop_parked(&mut self, cx: &mut Cx<'_>, parked: &Parked) {
        self.forget_parked(parked);
        if matches!(parked.phase, Phase::Dialling(_)) {
            let word = Word::Release(Cause::new(200, "Caller hung up"));
            cx.push(Effect::Tell(parked.referrer, word));
        }
    }

    fn forget_parked(&mut self, parked: &Parked) {
        if let Phase::Dialling(d) = &parked.phase {
            d.tap().into_iter().for_each(|tap| self.recordings.stop(tap));
        }
    }

    /// It hears nobody while its partner hears a document.
    pub(super) fn on_hold(&mut self, cx: &mut Cx<'_>, from: CallSid) {
        if self.partner() == Some(from) {
            self.hush(cx);
        }
    }

    /// It is back.
    pub(super) fn on_resume(&mut self, cx: &mut Cx<'_>, from: CallSid, leg: LegId) {
        if self.partner() == Some(from) {
            let keys = if self.parent.is_some() { Keys::default() } else { self.dial_keys() };
            self.play(cx, Source::Leg(leg), keys);
        }
    }
}

impl Asking {
    /// The referrer has hung up behind its REFER. False: it was another.
    pub(super) fn left(&mut self, from: CallSid) -> bool {
        let was = self.referrer == Some(from);
        if was {
            self.referrer = None;
        }
        was
    }
}

/// The application has not said what to do.
fn not_decided() -> Word {
    Word::Transferring { code: 503, words: "The referUrl has no answer".to_owned() }
}
