//! Calls that are for no number: through a SIP domain, and from one registered user to another by name.

use super::Refusal;
use crate::call::tables::Tables;
use crate::clock::Now;
use crate::sid::{AccountSid, CallSid, SipDomainSid, TrunkSid};
use crate::sip::event::{Cause, Invite};
use crate::store::rows::{CallRow, CallStatus, DomainCall, SipDomainRow, Subscription, TrunkRow};
use crate::switch::Switch;
use crate::trunk::route;

/// A user that registered here is dialled by name by another.
pub(in crate::switch) struct ByName<'a> {
    pub(super) caller: &'a TrunkRow,
    /// Whose call it is.
    pub account: AccountSid,
}

/// What a user who dials another one by name would have written.
fn dial(user: &str, realm: &str) -> String {
    let escaped: String = user
        .chars()
        .map(|c| match c {
            '\'' => "&apos;".to_owned(),
            '&' => "&amp;".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!("<Response><Dial answerOnBridge=\"true\"><Sip>sip:{escaped}@{realm}</Sip></Dial></Response>")
}

impl Switch {
    /// The domain that a call comes through, and how many seconds it may last: everything that is asked of it there. `explain` asks the
    /// same.
    pub(in crate::switch) fn at_domain<'t>(
        &self,
        now: Now,
        tables: &'t Tables,
        sid: SipDomainSid,
    ) -> Result<(&'t SipDomainRow, u32), Refusal> {
        let Some(domain) = tables.trunks.doors().domain(sid) else {
            let cause = Cause::new(404, "No such domain");
            return Err(Refusal::new(cause, format!("{sid} is gone"), None));
        };
        let refuse = |words| {
            let cause = Cause::new(480, "No handler for this domain");
            Err(Refusal::new(cause, words, Some(domain.account)))
        };
        if !tables.is_active(domain.account) {
            return refuse("the account is not active".to_owned());
        }
        if domain.voice.is_none() {
            return refuse(format!("the SIP domain {} has no VoiceUrl", domain.name));
        }
        Ok((domain, self.within_rules(now, domain.account)?))
    }

    /// A call through a SIP domain: its VoiceUrl says what becomes of it. To and From are the URIs of the request.
    pub(super) fn admit_at_domain(
        &mut self,
        now: Now,
        invite: &Invite,
        sid: SipDomainSid,
        user: Option<String>,
    ) -> Result<CallRow, Refusal> {
        let tables = self.tables.clone();
        let (domain, seconds) = self.at_domain(now, &tables, sid)?;
        let done = domain.status_callback.clone();
        let done = done.map(|hook| Subscription { hook, completed: true, ..Subscription::default() });
        let row = CallRow::empty(domain.account, now.wall, &self.settings.node, CallStatus::Ringing);
        Ok(CallRow {
            sid: CallSid::new(&mut self.rng),
            time_limit_s: row.time_limit_s.min(seconds),
            to: invite.uri.clone(),
            from: super::address_of(&invite.from_user, &invite.from_host),
            forwarded_from: Some(invite.diverted_by.clone()).filter(|by| !by.is_empty()),
            started: Some(now.wall),
            voice: domain.voice.clone(),
            fallback: domain.fallback.clone(),
            callbacks: done.into_iter().collect(),
            domain: Some(DomainCall {
                sid,
                name: domain.name.clone(),
                user,
                source: invite.flow.remote.ip().to_canonical(),
            }),
            ..row
        })
    }

    /// One registered peer dials another by its name: a call of their account that dials it. None: there is no such peer, or they
    /// have no account in common.
    pub(super) fn by_name<'t>(
        &self,
        tables: &'t Tables,
        trunks: &[TrunkSid],
        called: &str,
    ) -> Option<Result<ByName<'t>, Refusal>> {
        let callee = tables.trunks.owner(called)?;
        let only = tables.only_account().map(|a| a.sid);
        let (caller, account) = trunks.iter().find_map(|sid| {
            let caller = tables.trunks.trunk(*sid)?;
            let account = caller.account.or(callee.account).or(only)?;
            (route::is_open(caller, account) && route::is_open(callee, account)).then_some((caller, account))
        })?;
        if !tables.is_active(account) {
            let words = "the account is not active".to_owned();
            let cause = Cause::new(480, "No handler for this user");
            return Some(Err(Refusal::new(cause, words, Some(account))));
        }
        if self.channels.is_full(caller) {
            return Some(Err(super::channels_are_busy(caller, account)));
        }
        Some(Ok(ByName { caller, account }))
    }

    /// The row of such a call.
    pub(super) fn row_by_name(
        &mut self,
        now: Now,
        invite: &Invite,
        named: &ByName<'_>,
        called: &str,
        seconds: u32,
    ) -> CallRow {
        let realm = self.settings.realm.clone();
        let row = CallRow::empty(named.account, now.wall, &self.settings.node, CallStatus::Ringing);
        CallRow {
            sid: CallSid::new(&mut self.rng),
            time_limit_s: row.time_limit_s.min(seconds),
            to: format!("sip:{called}@{realm}"),
            from: super::caller(invite, Some(named.caller)),
            trunk: Some(named.caller.sid),
            started: Some(now.wall),
            twiml: Some(dial(called, &realm)),
            ..row
        }
    }
}
