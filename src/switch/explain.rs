//! What would become of a call over a trunk now, in both directions, and why not. Nothing is decided here: the functions are asked
//! that decide it when the call comes, in their order, and whoever says no is quoted. What it says is what the refusal stores.

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
use crate::sid::AccountSid;
use crate::store::rows::{NumberRow, TrunkRow};
use crate::trunk::explain::{self, Explanation, Question, Step, no, refused, yes};
use crate::trunk::route;

impl Switch {
    /// None: there is no such trunk.
    pub(super) fn explain(&mut self, now: Now, question: &Question) -> Option<Box<Explanation>> {
        let tables = self.tables.clone();
        let trunk = tables.trunks.trunk(question.trunk)?;
        let account = whose(&tables, trunk, question);
        Some(Box::new(Explanation {
            account,
            inbound: self.explain_inbound(now, &tables, trunk, question),
            outbound: match account {
                Some(account) => self.explain_outbound(now, &tables, trunk, question, account),
                None => vec![no("Who dials out is not known: several accounts may, give account_sid.")],
            },
        }))
    }

    fn explain_inbound(&mut self, now: Now, tables: &Tables, trunk: &TrunkRow, q: &Question) -> Vec<Step> {
        let beside = tables.trunks.beside(trunk);
        let rows: Vec<&TrunkRow> = beside.iter().filter_map(|sid| tables.trunks.trunk(*sid)).collect();
        let mut steps = explain::arriving(trunk, &rows, &q.number, q.from.as_deref());
        if steps.last().is_some_and(|step| !step.ok) {
            return steps;
        }
        match self.way_in(now, tables, None, &beside, &q.number) {
            Err(refusal) => steps.extend(quoted(&refusal, &q.number)),
            Ok((WayIn::ByName(named), seconds)) => {
                let account = named.account;
                steps.push(yes(format!("'{}' registers here: account {account} dials it.", q.number)));
                steps.push(may_last(account, seconds));
                steps.extend(self.explain_user(now, &q.number, account));
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
    let by_numbers = || q.from.as_deref().and_then(of).or_else(|| of(&q.number));
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
