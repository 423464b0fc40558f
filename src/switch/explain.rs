//! What would become of a call over a trunk now, in both directions, and why not. Nothing is decided here: the functions are asked
//! that decide it when the call comes, in their order, and whoever says no is quoted. What it says is what the refusal stores.

mod door;
mod outbound;

use super::Switch;
use super::accept::{Handled, Refusal, WayIn};
use crate::call::children::{self, in_a_dial};
use crate::call::handler::Handler;
use crate::call::requests::shown;
use crate::call::tables::{ElasticTrunk, Tables};
use crate::call::target::{self, NoRoute, Wish};
use crate::call::trunking::{self, NO_URL, NO_URL_WORDS};
use crate::clock::Now;
use crate::sid::{AccountSid, ElasticTrunkSid};
use crate::store::rows::{DoorSid, NumberRow, TrunkMode, TrunkRow};
use crate::trunk::explain::{self, Explanation, Question, Step, no, refused, yes};
use crate::trunk::identify::Network;
use crate::trunk::route;
use std::net::IpAddr;

impl Switch {
    /// None: there is no such trunk.
    pub(super) fn explain(&mut self, now: Now, question: &Question) -> Option<Box<Explanation>> {
        let tables = self.tables.clone();
        let trunk = tables.trunks.trunk(question.trunk);
        let (account, inbound) = match trunk {
            Some(trunk) => {
                (whose(&tables, trunk, question), self.explain_inbound(now, &tables, trunk, question))
            }
            // One of an account: its door, and what that account may dial.
            None => {
                let sid = ElasticTrunkSid(question.trunk.0);
                let account = tables.elastic(sid)?.row.account;
                let door = DoorSid::Trunk(sid);
                (Some(account), self.explain_door(now, &tables, door, question, question.source))
            }
        };
        Some(Box::new(Explanation {
            account,
            inbound,
            outbound: match account {
                Some(account) => self.explain_outbound(now, &tables, trunk, question, account),
                None => vec![no("Who dials out is not known: several accounts may, give account_sid.")],
            },
        }))
    }

    fn explain_inbound(&mut self, now: Now, tables: &Tables, trunk: &TrunkRow, q: &Question) -> Vec<Step> {
        let beside = tables.trunks.beside(trunk);
        let (called, host) = q.called();
        let doors = tables.trunks.doors();
        if let Some(door) = host.as_deref().and_then(|host| doors.at(host)) {
            let source = q.source.or_else(|| explain::sender(trunk));
            return self.explain_door(now, tables, door.sid, q, source);
        }
        let rows: Vec<&TrunkRow> = beside.iter().filter_map(|sid| tables.trunks.trunk(*sid)).collect();
        let mut steps = explain::arriving(trunk, &rows, &called, q.caller().as_deref());
        if steps.last().is_some_and(|step| !step.ok) {
            return steps;
        }
        if let Some(source) = q.source.filter(|source| !self.may_come_from(now, trunk, *source)) {
            steps.push(no(format!("A call from {source} is none of this trunk's.")));
            return steps;
        }
        match self.way_in(now, tables, None, &beside, &called) {
            Err(refusal) => steps.extend(quoted(&refusal, &called)),
            Ok((WayIn::ByName(named), seconds)) => {
                let account = named.account;
                steps.push(yes(format!("'{called}' registers here: account {account} dials it.")));
                steps.push(may_last(account, seconds));
                steps.extend(self.explain_user(now, &called, account));
            }
            Ok((WayIn::Number(Handled { number, trunk: by, handler }), seconds)) => {
                let (row, account) = (&number.number, number.account);
                steps.push(yes(format!("It is the number {row} of account {account}.")));
                if by.sid != trunk.sid {
                    steps.push(yes(format!("It is a call of trunk {}.", explain::name(by))));
                }
                steps.push(may_last(account, seconds));
                steps.extend(self.explain_handler(now, number, handler));
            }
        }
        steps
    }

    /// May a call over the trunk come from there?
    fn may_come_from(&self, now: Now, trunk: &TrunkRow, source: IpAddr) -> bool {
        let listed = || {
            let mut networks = trunk.inbound_source_ips.iter().filter_map(|s| Network::parse(s).ok());
            networks.any(|network| network.contains(source))
        };
        match trunk.authentication_mode {
            TrunkMode::ClientCredentials => trunk.inbound_source_ips.is_empty() || listed(),
            // What must show a certificate is not known by its address.
            _ if trunk.tls.client_auth => trunk.inbound_source_ips.is_empty() || listed(),
            _ => self.endpoint.would_claim(now.mono, source, "").1.contains(&trunk.sid),
        }
    }

    /// Where a user who was dialled by name is rung, if anywhere: a Dial finds out.
    fn explain_user(&mut self, now: Now, user: &str, account: AccountSid) -> Option<Step> {
        let to = format!("sip:{user}@{}", self.settings.realm);
        let mut fx = Vec::new();
        let found = target::find(&self.cx(now, &mut fx), account, &Wish { to: &to, ..Wish::default() });
        match found.map_err(in_a_dial) {
            Err(no) => Some(quote(no)),
            Ok(target) => self.absent(&target.into_alternative()).map(|user| {
                refused(outbound::NOT_REGISTERED, children::unreached(&route::not_registered(user)))
            }),
        }
    }

    /// Who answers a number.
    fn explain_handler(&mut self, now: Now, number: &NumberRow, handler: Handler<'_>) -> Vec<Step> {
        match handler {
            Handler::Document((voice, ..)) => {
                let url = voice.map(|hook| shown(&hook.url)).unwrap_or_default();
                vec![yes(format!("The call is taken, and {url} is asked what becomes of it."))]
            }
            Handler::Trunk(own) => {
                let mut steps =
                    vec![yes(format!("The call rings at the account's own trunk {}.", own.row.sid))];
                steps.extend(self.explain_origination(now, number, own));
                steps
            }
        }
    }

    /// Where the PBX behind an account's trunk is rung.
    fn explain_origination(&mut self, now: Now, number: &NumberRow, own: &ElasticTrunk) -> Vec<Step> {
        let mut fx = Vec::new();
        let cx = self.cx(now, &mut fx);
        let urls = own.urls.iter().filter(|url| url.enabled);
        let mut steps: Vec<Step> = urls
            .map(|url| {
                let to = trunking::with_user(&url.sip_url, &number.number);
                let wish = Wish { to: &to, secure: own.row.secure, ..Wish::default() };
                match target::find(&cx, number.account, &wish).map_err(in_a_dial) {
                    Ok(_) => yes(format!("{to} is rung (Priority {}, Weight {}).", url.priority, url.weight)),
                    Err(no) => quote(no),
                }
            })
            .collect();
        if steps.is_empty() {
            steps.push(refused(NO_URL, NO_URL_WORDS));
        }
        // What can be rung comes behind what cannot: the last step says how it ends.
        steps.sort_by_key(|step| step.ok);
        if let Some(url) = own.row.disaster_recovery_url.as_deref().filter(|_| !steps.iter().any(|s| s.ok)) {
            steps.push(yes(format!("Nobody can be rung: {} (DisasterRecoveryUrl) is asked.", shown(url))));
        }
        steps
    }
}

/// Who dials out: as asked, else whose trunk it is, else whose number calls or is dialled, else the only account there is.
fn whose(tables: &Tables, trunk: &TrunkRow, q: &Question) -> Option<AccountSid> {
    let of = |number: &str| tables.trunks.number_on(&[trunk.sid], number).map(|n| n.account);
    let by_numbers = || q.caller().as_deref().and_then(of).or_else(|| of(&q.called().0));
    let only = || tables.only_account().map(|row| row.sid);
    q.account.or(trunk.account).or_else(by_numbers).or_else(only)
}

fn may_last(account: AccountSid, seconds: u32) -> Step {
    match seconds {
        u32::MAX => yes(format!("Account {account} may have one more call.")),
        seconds => yes(format!(
            "Account {account} may have one more call, of {seconds} s at most (max_minutes_per_day)."
        )),
    }
}

fn quote(no: NoRoute) -> Step {
    refused(no.code, no.words)
}

/// A refusal, first what only the operator may read. Without an account nobody but the log is told.
fn quoted(refusal: &Refusal, user: &str) -> impl Iterator<Item = Step> {
    let words = refusal.stored(user);
    let last = if refusal.account.is_some() { refused(refusal.code, words) } else { no(words) };
    refusal.aside().map(no).into_iter().chain([last])
}
