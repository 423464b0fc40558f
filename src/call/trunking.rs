//! Calls of an account's own trunk (Elastic SIP Trunking): no document decides what becomes of them, a Dial of ours does.
//!
//! ```text
//!  terminating:  PBX     --INVITE--> us --> the account's way to the number          --> its final answer goes back
//!  originating:  carrier --INVITE--> us --> origination URL --cannot be reached--> the next one ...
//!                                             |                                      --> disaster recovery: a document
//!                                             +--refuses--> its final answer goes back
//! ```
//!
//! Nothing is answered before the far end answers: its 180 and its early media go back as they come.

use super::call::Call;
use super::children;
use super::cx::Cx;
use super::event::{Effect, Outcome};
use super::rights::Pbx;
use super::{notify, status};
use crate::sip::event::{Cause, SipCmd};
use crate::store::elastic::{ElasticTrunkRow, OriginationUrlRow};
use crate::store::rows::{CallStatus, Hook};
use std::collections::VecDeque;
use twiml::verb::{Dial, DialRecord, Noun, Number, Trim};

/// Seconds that the far end may ring: a proxy's Timer C (RFC 3261 section 16.6).
const RING_S: u32 = 180;
/// Seconds that a call may last.
pub const TIME_LIMIT_S: u32 = 24 * 3_600;
/// The trunk has no origination URL that can be rung.
pub const NO_URL: u32 = 32_010;
/// The same in words.
pub const NO_URL_WORDS: &str = "the trunk has no origination URL that is enabled";
/// What was dialled could not be reached.
const UNREACHED: u32 = 32_011;

/// Which trunk, and where its call goes.
#[derive(Clone, Debug)]
pub struct Trunking {
    /// Its settings when the call began.
    pub trunk: ElasticTrunkRow,
    /// Where it goes.
    pub way: Way,
    /// Its caller does not want to be known (Privacy).
    pub withheld: bool,
}

/// Where a call of a trunk goes.
#[derive(Clone, Debug)]
pub enum Way {
    /// From the PBX to the number that it dialled.
    Terminating,
    /// To the PBX, which is reached there.
    Originating(Vec<OriginationUrlRow>),
}

impl Trunking {
    /// What its calls are dialled by.
    fn dial(&self) -> Dial {
        let recording = &self.trunk.recording;
        let record = match recording.mode.as_str() {
            "record-from-answer" => DialRecord::FromAnswer,
            "record-from-answer-dual" => DialRecord::FromAnswerDual,
            "record-from-ringing" => DialRecord::FromRinging,
            "record-from-ringing-dual" => DialRecord::FromRingingDual,
            _ => DialRecord::DoNotRecord,
        };
        let trim = if recording.trim == "trim-silence" { Trim::TrimSilence } else { Trim::DoNotTrim };
        Dial {
            // The number stands behind it, where the carrier is told of it.
            caller_id: self.withheld.then(|| "anonymous".to_owned()),
            answer_on_bridge: true,
            timeout: RING_S,
            time_limit: TIME_LIMIT_S,
            record,
            trim,
            ..Dial::default()
        }
    }

    /// What is asked for a document if nobody can be reached.
    pub(super) fn disaster_recovery(&self) -> Option<Hook> {
        let Way::Originating(_) = &self.way else { return None };
        let (url, method) = (self.trunk.disaster_recovery_url.clone()?, self.trunk.disaster_recovery_method);
        Some(Hook { url, method })
    }
}

impl Call {
    /// The effects that dial the far end.
    pub(super) fn begin_trunking(&mut self, cx: &mut Cx<'_>, trunking: Trunking) -> Vec<Effect> {
        let already = cx.fx.len();
        let (mut dial, way, trunking_row) = (trunking.dial(), trunking.way.clone(), trunking.trunk.clone());
        self.trunking = Some(Box::new(trunking));
        if self.leg.hops == 0 {
            self.turn_back(cx);
            return cx.fx.split_off(already);
        }
        match way {
            Way::Terminating => {
                self.pbx = Some(Box::new(Pbx::new(&trunking_row, &self.row.from)));
                dial.nouns = vec![Noun::Number(Number { number: self.row.to.clone(), ..Number::default() })];
                self.begin_dial(cx, dial);
            }
            Way::Originating(urls) => self.ring_pbx(cx, dial, &urls),
        }
        cx.fx.split_off(already)
    }

    /// Here we stand where a proxy would, and answer as one (RFC 3261 section 16.3): trunks that dial each other come to an end.
    fn turn_back(&mut self, cx: &mut Cx<'_>) {
        let words =
            "the call has taken all the hops it may (Max-Forwards): look for trunks that dial each other";
        notify::write(cx, &self.row, UNREACHED, words);
        let cause = Cause::new(483, "Too Many Hops");
        let to = status::of_refusal(cause.code);
        self.give_up(cx, cause, to);
    }

    fn ring_pbx(&mut self, cx: &mut Cx<'_>, dial: Dial, urls: &[OriginationUrlRow]) {
        let addresses = addresses(cx, urls, &self.row.to);
        if addresses.is_empty() {
            notify::write(cx, &self.row, NO_URL, NO_URL_WORDS);
        }
        let ways = children::at_addresses(cx, self, &dial, &addresses);
        let waiting = ways.map(|spawn| VecDeque::from([spawn])).into_iter().collect();
        self.dial_all(cx, dial, waiting);
    }

    /// The Dial is through: the far end hung up, or it was never reached.
    pub(super) fn trunking_over(&mut self, cx: &mut Cx<'_>, trunking: &Trunking, outcome: Option<Outcome>) {
        if self.leg.answered {
            let cause = outcome.map(|o| Cause { code: 200, ..o.cause });
            let cause = cause.unwrap_or_else(|| Cause::new(200, "Normal Clearing"));
            self.ends_by("dial");
            return self.give_up(cx, cause, CallStatus::Completed);
        }
        match trunking.disaster_recovery().filter(|_| outcome.as_ref().is_none_or(unreached)) {
            Some(hook) => {
                cx.trace("chorus", "chorus", "disaster recovery");
                cx.push(Effect::Sip(SipCmd::Ring { leg: self.leg.id, body: None }));
                self.fetch_hook(cx, &hook, vec![]);
            }
            None => self.pass_on(cx, outcome),
        }
    }

    /// The user that another one dialled by name does not answer: the caller's telephone is to say so, with a busy tone or a missed
    /// call, and not to have talked to nobody.
    pub(super) fn refused_by_name(&mut self, cx: &mut Cx<'_>, outcome: Option<Outcome>) {
        self.pass_on(cx, outcome);
    }

    /// Nobody answered there: the caller gets the answer that we got.
    fn pass_on(&mut self, cx: &mut Cx<'_>, outcome: Option<Outcome>) {
        self.ends_by("dial");
        let cause = passed_on(outcome);
        let to = status::of_refusal(cause.code);
        self.give_up(cx, cause, to);
    }
}

/// Was it the peer that failed, rather than whom it would have called?
fn unreached(outcome: &Outcome) -> bool {
    let of_peer = (500..600).contains(&outcome.cause.code);
    outcome.error.is_some() || outcome.status == CallStatus::Failed && of_peer
}

/// The far end's final answer, as our own: what it says of our credentials there is none of the caller's business.
fn passed_on(outcome: Option<Outcome>) -> Cause {
    // The CANCEL was ours: the caller wanted it to ring on.
    let unanswered = outcome.as_ref().is_some_and(|o| o.status == CallStatus::NoAnswer);
    match outcome.map(|o| o.cause) {
        None => Cause::new(480, "No way to this number"),
        Some(cause) if unanswered && cause.code == 487 => Cause::new(480, "No answer"),
        Some(cause) => match cause.code {
            ..300 => Cause { code: 480, ..cause },
            300..=399 | 401 | 407 => Cause::new(503, "Service Unavailable"),
            _ => cause,
        },
    }
}

/// The addresses in the order in which they are rung: by priority, among equals by weight.
fn addresses(cx: &mut Cx<'_>, urls: &[OriginationUrlRow], number: &str) -> Vec<String> {
    let enabled = urls.iter().filter(|u| u.enabled).collect();
    let rank = |u: &&OriginationUrlRow| (u32::from(u.priority), u64::from(u.weight));
    children::ordered(cx, enabled, rank).into_iter().map(|u| with_user(&u.sip_url, number)).collect()
}

/// The called number takes the place of a user part that is not there.
pub fn with_user(url: &str, number: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return url.to_owned() };
    let address = rest.split([';', '?']).next().unwrap_or(rest);
    match address.contains('@') {
        true => url.to_owned(),
        false => format!("{scheme}:{number}@{rest}"),
    }
}
