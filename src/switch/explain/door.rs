//! A call to a host that has its own authentication (ruling 2.6): a SIP domain, or the termination domain of an account's trunk.

use super::outbound::{goes_over, ways};
use super::{may_last, quote, quoted};
use crate::call::children::in_a_dial;
use crate::call::requests::shown;
use crate::call::tables::Tables;
use crate::call::target::{self, Wish};
use crate::clock::Now;
use crate::sid::{ElasticTrunkSid, SipDomainSid};
use crate::store::rows::DoorSid;
use crate::switch::Switch;
use crate::switch::elastic::Terminating;
use crate::trunk::door::{Claim, Door, Turned};
use crate::trunk::explain::{Question, Step, no, refused, yes};
use std::net::{IpAddr, Ipv4Addr};

impl Switch {
    /// What becomes of an INVITE to a door that comes from `source`; None: from wherever its lists let come.
    pub(super) fn explain_door(
        &mut self,
        now: Now,
        tables: &Tables,
        sid: DoorSid,
        q: &Question,
        source: Option<IpAddr>,
    ) -> Vec<Step> {
        let Some(door) = tables.trunks.doors().get(sid) else {
            return vec![no("It has no DomainName: no PBX can dial out through it.")];
        };
        let (called, from) = (q.called().0, q.caller());
        let mut steps = vec![whose(door)];
        steps.extend(self.explain_guard(now, tables, door, &called, source));
        if steps.last().is_some_and(|step| !step.ok) {
            return steps;
        }
        if let Err(refusal) = self.may_begin(now, Some(door.account)) {
            steps.extend(quoted(&refusal, &called));
            return steps;
        }
        steps.push(encryption(tables.is_secure(sid)));
        steps.extend(match sid {
            DoorSid::Domain(sid) => self.explain_domain(now, tables, sid, &called),
            DoorSid::Trunk(sid) => self.explain_terminating(now, tables, sid, &called, from.as_deref()),
        });
        steps
    }

    /// Do its lists let it in? A no is the last step.
    fn explain_guard(
        &self,
        now: Now,
        tables: &Tables,
        door: &Door,
        called: &str,
        source: Option<IpAddr>,
    ) -> Vec<Step> {
        let at = source.or_else(|| door.listed()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let claim = self.endpoint.would_claim(now.mono, at, &door.host).0.claim;
        let guard = door.guard().map(|guard| yes(format!("It takes what {guard}; all of it has to fit.")));
        let mut steps: Vec<Step> = guard.into_iter().collect();
        match (claim, source) {
            (Claim::Refused(why), _) => steps.push(turned(&why, called, at)),
            (Claim::Nobody, Some(source)) => {
                steps.push(no(format!(
                    "{source} gets no answer: it is in no list of {}, or sent too many wrong passwords, and nothing else here \
                     knows it (the log alone is told). {}",
                    door.host,
                    tables.trunks.stranger(source)
                )));
            }
            (Claim::Nobody, None) if steps.is_empty() => {
                steps.push(no(format!(
                    "{} has neither an IP access control list nor a credential list: it takes nothing (403 for who is known \
                     here, no answer for others).",
                    door.host
                )));
            }
            (Claim::Nobody, None) => steps.push(no(format!("{} lets nobody in now.", door.host))),
            (Claim::Password(_), Some(source)) => {
                steps.push(yes(format!("{source} is asked for a password (407).")));
            }
            (Claim::Door(_), Some(source)) => steps.push(yes(format!("{source} is in its lists."))),
            _ => {}
        }
        steps
    }

    fn explain_domain(&self, now: Now, tables: &Tables, sid: SipDomainSid, called: &str) -> Vec<Step> {
        match self.at_domain(now, tables, sid) {
            Err(refusal) => quoted(&refusal, called).collect(),
            Ok((domain, seconds)) => {
                let url = domain.voice.as_ref().map(|hook| shown(&hook.url)).unwrap_or_default();
                vec![
                    may_last(domain.account, seconds),
                    yes(format!("The call is taken, and {url} is asked what becomes of it.")),
                ]
            }
        }
    }

    /// What a PBX dials, and the ways of it: a Dial of the account finds them.
    fn explain_terminating(
        &mut self,
        now: Now,
        tables: &Tables,
        sid: ElasticTrunkSid,
        called: &str,
        from: Option<&str>,
    ) -> Vec<Step> {
        let account = tables.elastic(sid).map(|own| own.row.account).unwrap_or_default();
        // Where nobody says who calls, it is somebody who may.
        let any = tables.trunks.number_of(account).map_or("", |row| row.number.as_str());
        let Terminating { caller, called, seconds, .. } =
            match self.terminating(now, tables, sid, called, &[from.unwrap_or(any)]) {
                Err(refusal) => return quoted(&refusal, called).collect(),
                Ok(understood) => understood,
            };
        let mut steps = vec![
            match from {
                Some(from) => yes(format!("From '{from}' is the number {} of the account.", caller.number)),
                None => yes("From has to be a number of the account; others get 403 and 21210."),
            },
            may_last(account, seconds),
        ];
        let mut fx = Vec::new();
        let wish = Wish { to: &called, from: &caller.number, ..Wish::default() };
        match target::find(&self.cx(now, &mut fx), account, &wish).map_err(in_a_dial) {
            Err(no) => steps.push(quote(no)),
            Ok(target) => {
                let all = ways(target);
                steps.push(goes_over(tables, &called, &all));
                steps.extend(all.first().and_then(|way| self.absence(way, &all)));
            }
        }
        steps
    }
}

fn whose(door: &Door) -> Step {
    let kind = match door.sid {
        DoorSid::Domain(sid) => format!("the SIP domain {sid}"),
        DoorSid::Trunk(sid) => format!("the DomainName of the trunk {sid}"),
    };
    yes(format!("{} is {kind} of account {}: its own lists say who may call.", door.host, door.account))
}

fn encryption(secure: bool) -> Step {
    yes(match secure {
        true => {
            "It is Secure: a call must come over TLS (else 403 and 32209) with SRTP (else 488 and 32208)."
        }
        false => "It is not Secure: a call with SRTP gets 488 and 32207.",
    })
}

/// Known, and turned away.
fn turned(why: &Turned, called: &str, source: IpAddr) -> Step {
    let words = why.stored(&format!("INVITE to '{called}'"), source);
    if why.account.is_some() { refused(why.error, words) } else { no(words) }
}
