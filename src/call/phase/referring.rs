//! Refer: the peer is asked to call somebody else in our place; the verb ends when it is known how that went (twiml.md 3.13).
//!
//! ```text
//!  REFER --3xx-6xx, nothing--> over: failed
//!     \--2xx--> NOTIFY 1xx ... --final, or the subscription ends--> over
//!                 |-- none within 32 s (RFC 6665, Timer N) --> over: nothing is known
//!                 +-- the caller hangs up --> the action is told: canceled
//! ```

use super::Phase;
use crate::call::call::Call;
use crate::call::cx::Cx;
use crate::call::event::Effect;
use crate::call::timers::TimerKind;
use crate::call::{notify, permission, program, status};
use crate::sip::event::SipCmd;
use crate::sip::refer::Notice;
use crate::trunk::policy;
use std::time::Duration;
use twiml::verb::Refer;

/// How long a peer may take that has accepted, and does not say how it goes.
const SILENCE: Duration = Duration::from_secs(32);
/// How long it may ring where the subscription does not say.
const RINGING: u32 = 180;
/// The longest subscription that is waited for, in seconds.
const RINGING_MAX: u32 = 600;

/// The verb while it runs.
pub struct Referring {
    refer: Refer,
    /// The answer to our REFER.
    answer: Option<u16>,
    /// What the last NOTIFY told.
    notified: Option<u16>,
}

impl Call {
    /// Sends REFER, if it may.
    pub(in crate::call) fn begin_refer(&mut self, cx: &mut Cx<'_>, refer: Refer) {
        let to = match (self.may_be_referred(), refer.target.clone()) {
            (Err(words), _) => Err((13801, words)),
            (Ok(()), None) => Err((13243, "<Refer> has no <Sip> with an address".to_owned())),
            (Ok(()), Some(to)) => self.may_be_called(cx, &to).map(|()| to),
        };
        match to {
            Ok(to) => {
                self.phase = Phase::Referring(Box::new(Referring { refer, answer: None, notified: None }));
                self.hush(cx);
                cx.push(Effect::Sip(SipCmd::Refer { leg: self.leg.id, to }));
            }
            Err((code, words)) => {
                notify::write(cx, &self.row, code, &words);
                let params = vec![("ReferCallStatus".to_owned(), "failed".to_owned())];
                self.next(cx, twiml::Event::Referred { params });
            }
        }
    }

    /// Ruling 2.25. Without a trunk it goes to an address that the application itself has dialled.
    fn may_be_referred(&self) -> Result<(), String> {
        let Some(sid) = self.row.trunk else { return Ok(()) };
        match cx_trunk(self, sid) {
            Some(policy::Refer::Allow) => Ok(()),
            _ => Err(format!("trunk {sid} does not allow transfers: PATCH it with \"refer\": \"allow\"")),
        }
    }

    /// The trunk's peer calls it, and whoever pays for the trunk pays for that: a number is one that the account may dial, wherever it is.
    fn may_be_called(&self, cx: &Cx<'_>, to: &str) -> Result<(), (u32, String)> {
        if self.row.trunk.is_none() {
            return Ok(());
        }
        let may = permission::at_carrier(cx.tables, &cx.settings.public_url, self.row.account, to);
        may.map_err(|no| (permission::SHUT_IN_A_DIAL, no.words))
    }

    fn referring(&mut self) -> Option<&mut Referring> {
        match &mut self.phase {
            Phase::Referring(r) => Some(r),
            _ => None,
        }
    }

    /// The answer to our REFER; `follows`: NOTIFYs will come.
    pub(in crate::call) fn on_referred(&mut self, cx: &mut Cx<'_>, code: u16, follows: bool) {
        let Some(r) = self.referring() else { return };
        r.answer = Some(code);
        if !follows {
            return self.refer_over(cx);
        }
        // A NOTIFY may have overtaken it.
        if r.notified.is_none() {
            self.timers.arm(TimerKind::Verb, cx.now.mono + SILENCE);
        }
    }

    /// How the new call goes.
    pub(in crate::call) fn on_notified(&mut self, cx: &mut Cx<'_>, notice: Notice) {
        let Some(r) = self.referring() else { return };
        r.notified = notice.code.or(r.notified);
        if notice.over || r.notified.is_some_and(|code| code >= 200) {
            return self.refer_over(cx);
        }
        let lasts = notice.expires.unwrap_or(RINGING).clamp(1, RINGING_MAX);
        self.timers.arm(TimerKind::Verb, cx.now.mono + Duration::from_secs(lasts.into()));
    }

    /// It is known how it went, or nothing will be heard of it any more.
    pub(in crate::call) fn refer_over(&mut self, cx: &mut Cx<'_>) {
        self.timers.disarm(TimerKind::Verb);
        let Phase::Referring(r) = std::mem::replace(&mut self.phase, Phase::Ending) else { return };
        let params = r.params(r.status());
        self.next(cx, twiml::Event::Referred { params });
    }

    /// The caller has gone: the action is told, its answer changes nothing.
    pub(in crate::call) fn abandon_refer(&mut self, cx: &mut Cx<'_>, r: &Referring) {
        if let Some(action) = r.refer.action.clone() {
            let params = r.params(Some("canceled"));
            self.tell_app(cx, Some(&action), program::method_of(r.refer.method), params);
        }
    }
}

fn cx_trunk(call: &Call, sid: crate::sid::TrunkSid) -> Option<policy::Refer> {
    call.tables.trunks.trunk(sid).map(|t| t.refer)
}

impl Referring {
    /// Twilio's word for how the new call goes; None where nothing was heard of it.
    fn status(&self) -> Option<&'static str> {
        match (self.answer, self.notified) {
            (Some(300..), _) => Some("failed"),
            (_, None) => None,
            (_, Some(100..180)) => Some("initiated"),
            (_, Some(..200)) => Some("ringing"),
            (_, Some(200..300)) => Some("in-progress"),
            (_, Some(code)) => Some(status::of_refusal(code).as_str()),
        }
    }

    fn params(&self, status: Option<&str>) -> Vec<(String, String)> {
        let code = |name: &str, code: Option<u16>| code.map(|c| (name.to_owned(), c.to_string()));
        // Whoever told how it goes has accepted, even if that answer is still on its way.
        let answer = self.answer.or(self.notified.map(|_| 202));
        status
            .map(|s| ("ReferCallStatus".to_owned(), s.to_owned()))
            .into_iter()
            .chain(code("ReferSipResponseCode", answer))
            .chain(code("NotifySipResponseCode", self.notified))
            .collect()
    }
}
