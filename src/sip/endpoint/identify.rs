//! Who sends a request that belongs to no dialog: decided before a transaction exists, so that strangers cost nothing
//! (rulings 2.5 to 2.7, 2.48).
//!
//! ```text
//!  shut out, or of no trunk, list or binding ------------------> dropped and counted
//!  shows a password --wrong--> 403   --right--> its user's trunk
//!                   --old nonce--> 401 stale
//!  shows none: from a trunk's address --> the trunks of the address;   else --> 401
//! ```

use super::Endpoint;
use super::request::Request;
use crate::clock::Mono;
use crate::sid::TrunkSid;
use crate::sip::check::Refusal;
use crate::sip::digest::server::Verdict;
use crate::sip::event::Flow;
use crate::sip::wire::Method;

/// A user that has shown its password.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub name: String,
    pub trunk: TrunkSid,
}

impl Endpoint {
    /// Is this request to be answered at all? An address of a trunk goes on being heard when its passwords are not: a PBX may have
    /// one phone that has forgotten its own.
    pub(super) fn is_known(&self, now: Mono, request: &Request) -> bool {
        let flow = &request.flow;
        if request.method == Method::Register && self.shut_out.source(now, flow.remote.ip()) {
            return false;
        }
        let begins = matches!(request.method, Method::Register | Method::Invite);
        self.is_known_source(now, flow)
            || !self.who(&request.message, flow).is_empty()
            || (begins && self.may_try(now, flow))
    }

    /// Does anything of ours name this address?
    pub(super) fn is_known_source(&self, now: Mono, flow: &Flow) -> bool {
        let ip = flow.remote.ip();
        let of_users = || self.sources.lists(ip) || self.registrar.knows(flow);
        !self.of_flow(flow).is_empty() || (!self.shut_out.source(now, ip) && of_users())
    }

    /// May whoever is there show a password?
    fn may_try(&self, now: Mono, flow: &Flow) -> bool {
        let ip = flow.remote.ip();
        self.sources.takes_passwords(ip) && !self.shut_out.source(now, ip)
    }

    /// The trunks of an INVITE; None: it was answered.
    pub(super) fn callers(&mut self, now: Mono, request: &Request) -> Option<Vec<TrunkSid>> {
        let shows = self.guard.is_asked(&request.message);
        let trunks = self.who(&request.message, &request.flow);
        if trunks.is_empty() || shows && self.may_try(now, &request.flow) {
            return self.authenticate(now, request).map(|member| vec![member.trunk]);
        }
        Some(trunks)
    }

    /// The user that shows the right password; None: it was answered.
    pub(super) fn authenticate(&mut self, now: Mono, request: &Request) -> Option<Member> {
        let source = request.flow.remote.ip();
        let sources = self.sources.clone();
        let proofs = std::mem::take(&mut self.proofs);
        let may_come = |sid| !sources.asks_for_certificate(sid) || proofs.shows(&request.flow, sid);
        let here = |name: &str| sources.user(name, source).filter(|(sid, _)| may_come(*sid));
        let find = |name: &str| here(name).map(|(_, ha1)| ha1);
        let verdict = self.guard.judge(now, source, &request.message, find);
        self.proofs = proofs;
        match verdict {
            Verdict::Missing => self.challenge(now, request, false),
            Verdict::Stale => self.challenge(now, request, true),
            Verdict::Right(name) if !self.is_shut_out(now, &name, &request.flow) => {
                self.shut_out.succeeded(source);
                return sources.user(&name, source).map(|(trunk, _)| Member { name, trunk });
            }
            Verdict::Wrong(name) => {
                self.shut_out.failed(now, source, &name);
                self.deny(request, &name);
            }
            Verdict::Right(name) => self.deny(request, &name),
        }
        None
    }

    /// Its owner, who is bound from there already, is not shut out by what others try.
    fn is_shut_out(&self, now: Mono, name: &str, flow: &Flow) -> bool {
        self.shut_out.user(now, name) && !self.registrar.is_bound(name, flow)
    }

    /// Never says whether the user exists (ruling 2.9).
    fn deny(&mut self, request: &Request, name: &str) {
        self.reply(request, 403, "Forbidden", &[]);
        let words = format!("{}: wrong user or password ('{name}')", request.method);
        self.refused(request.flow, 403, &words);
    }

    fn challenge(&mut self, now: Mono, request: &Request, stale: bool) {
        let headers =
            self.guard.challenge(&mut self.rng, now, request.flow.remote.ip(), &request.message, stale);
        self.reply(request, 401, "Unauthorized", &headers);
    }
}

/// For what a peer may not do.
pub(super) fn forbidden(words: &str) -> Refusal {
    Refusal { code: 403, words: words.to_owned(), headers: Vec::new() }
}
