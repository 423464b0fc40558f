//! Who sends a request that belongs to no dialog: decided once, before a transaction exists, so that strangers cost nothing
//! (rulings 2.5 to 2.7, 2.48). The endpoint gathers what the request shows; `trunk::door` says who that may be; a password, where
//! one is wanted, is looked at here.

use super::Endpoint;
use super::request::Request;
use crate::clock::Mono;
use crate::sid::TrunkSid;
use crate::sip::check::Refusal;
use crate::sip::dialog::PORT;
use crate::sip::digest::server::Verdict;
use crate::sip::event::{Caller, Flow, SipEvent, Transport};
use crate::sip::wire::{Message, Method};
use crate::store::rows::{DoorSid, Ha1, Purpose, Registrant};
use crate::trunk::Snapshot;
use crate::trunk::door::{Asked, Claim, Standing, Turned, Users};
use std::net::{IpAddr, SocketAddr};

/// Names the trunk that a proxy in front speaks for.
pub const IDENTIFIER: &str = "X-Chorus-Client-Identifier";

/// A user that has shown its password.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// As the registrar knows it.
    pub name: String,
    /// Whose bindings it may have; None: nobody registers where it belongs.
    pub owner: Option<Registrant>,
}

impl Endpoint {
    /// Who may it be from? Asked once for each request outside a dialog.
    pub(super) fn standing(&mut self, now: Mono, request: &Request) -> Standing {
        let flow = request.flow;
        let shows = self.guard.is_asked(&request.message);
        let trunks = match self.identifier(&request.message, &flow) {
            Some(named) => named,
            None => self.who(request.message.uri().as_ref(), &flow),
        };
        let purpose = match request.method {
            Method::Invite => Some(Purpose::Calls),
            Method::Register => Some(Purpose::Registrations),
            _ => None,
        };
        let host = request.message.uri().map(|uri| uri.host).unwrap_or_default();
        let mut standing = self.claim(now, &flow, &host, purpose, trunks, shows);
        if self.is_trusted(&flow) && standing.claim == Claim::Nobody {
            standing.claim = Claim::Known;
        }
        standing.known |= self.is_trusted(&flow);
        standing
    }

    fn claim(
        &self,
        now: Mono,
        flow: &Flow,
        host: &str,
        purpose: Option<Purpose>,
        trunks: Vec<TrunkSid>,
        shows: bool,
    ) -> Standing {
        let domain = self.registrar.knows_user(flow);
        let door = domain.and_then(|sid| self.sources.doors().get(DoorSid::Domain(sid)));
        self.sources.claim(Asked {
            host,
            source: flow.remote.ip(),
            purpose,
            trunks,
            peer_bound: self.registrar.knows_peer(flow),
            user_bound: door.map(|d| d.account),
            shut_out: self.shut_out.source(now, flow.remote.ip()),
            shows,
        })
    }

    /// Does anything of ours name whoever sends this? For what could not be read as a request.
    pub(super) fn is_known(&self, now: Mono, message: &Message, flow: &Flow) -> bool {
        let trunks = self.who(message.uri().as_ref(), flow);
        self.is_trusted(flow) || self.claim(now, flow, "", None, trunks, false).known
    }

    /// Who an INVITE from `source` to `host` may be from, and the trunks that the address stands for: for whoever asks beforehand.
    pub fn would_claim(&self, now: Mono, source: IpAddr, host: &str) -> (Standing, Vec<TrunkSid>) {
        let (remote, local) = (SocketAddr::new(source, PORT), SocketAddr::new(source, 0));
        let flow = Flow { transport: Transport::Udp, remote, local, conn: 0 };
        let trunks = self.who(None, &flow);
        (self.claim(now, &flow, host, Some(Purpose::Calls), trunks.clone(), false), trunks)
    }

    fn is_trusted(&self, flow: &Flow) -> bool {
        self.config.trusted_proxies.iter().any(|net| net.contains(flow.remote.ip()))
    }

    /// The trunk that a trusted proxy names (ruling 2.5). From anybody else the name counts for nothing: only a password, or the
    /// address, says who that is.
    fn identifier(&mut self, message: &Message, flow: &Flow) -> Option<Vec<TrunkSid>> {
        let named = message.headers.text(IDENTIFIER)?;
        if !self.is_trusted(flow) {
            if self.guard.user(message).as_deref() != Some(named.trim()) {
                self.emit(SipEvent::Ignored(*flow));
            }
            return None;
        }
        self.sources.owner(named.trim()).map(|trunk| vec![trunk.sid])
    }

    /// The caller of an INVITE; None: it was answered.
    pub(super) fn caller(&mut self, now: Mono, request: &Request, claim: Claim) -> Option<Caller> {
        match claim {
            Claim::Trunks(trunks) => Some(Caller::Trunks(trunks)),
            Claim::Door(door) => Some(Caller::Door(door, None)),
            Claim::Password(users) => {
                let member = self.authenticate(now, request, users)?;
                Some(match (users, member.owner) {
                    (Users::Door(door, _), _) => {
                        let name = member.name.split_once('@').map_or("", |(name, _)| name);
                        Caller::Door(door, Some(name.to_owned()))
                    }
                    (Users::Peers, Some(Registrant::Trunk(sid))) => Caller::Trunks(vec![sid]),
                    (Users::Peers, _) => return None,
                })
            }
            Claim::Refused(why) => {
                self.turn_caller_away(request, why);
                None
            }
            // A trusted proxy that names nobody we know.
            Claim::Known | Claim::Nobody => {
                self.turn_away(request, forbidden("Unknown Client"));
                None
            }
        }
    }

    /// The user that shows the right password; None: it was answered.
    pub(super) fn authenticate(&mut self, now: Mono, request: &Request, users: Users) -> Option<Member> {
        let source = request.flow.remote.ip();
        let sources = self.sources.clone();
        let proofs = &self.proofs;
        let may_come = |owner: Option<Registrant>| match owner {
            Some(Registrant::Trunk(sid)) => {
                !sources.asks_for_certificate(sid) || proofs.shows(&request.flow, sid)
            }
            _ => true,
        };
        let here =
            |name: &str| known_user(&sources, users, name, source).filter(|(owner, _)| may_come(*owner));
        let find = |name: &str| here(name).map(|(_, ha1)| ha1);
        let verdict = self.guard.judge(now, source, &request.message, find);
        match verdict {
            Verdict::Missing => self.challenge(now, request, users, false),
            Verdict::Stale => self.challenge(now, request, users, true),
            Verdict::Right(name) => {
                let full = full_name(&sources, users, &name);
                if self.is_shut_out(now, &full, &request.flow) {
                    self.turn_caller_away(request, sources.wrong_password(users, &name));
                    return None;
                }
                self.shut_out.succeeded(source);
                let (owner, _) = known_user(&sources, users, &name, source)?;
                return Some(Member { name: full, owner });
            }
            Verdict::Wrong(name) => {
                self.shut_out.failed(now, source, &full_name(&sources, users, &name));
                self.turn_caller_away(request, sources.wrong_password(users, &name));
            }
        }
        None
    }

    /// Its owner, who is bound from there already, is not shut out by what others try.
    fn is_shut_out(&self, now: Mono, name: &str, flow: &Flow) -> bool {
        self.shut_out.user(now, name) && !self.registrar.is_bound(name, flow)
    }

    /// The peer hears a phrase, the account's debugger and the log the whole story.
    pub(super) fn turn_caller_away(&mut self, request: &Request, why: Turned) {
        self.reply(request, why.code, why.phrase, &[]);
        let user = request.message.uri().map(|uri| uri.user_decoded()).unwrap_or_default();
        let what = format!("{} to '{user}'", request.method);
        self.emit(SipEvent::TurnedAway { flow: request.flow, what, why: Box::new(why) });
    }

    /// 401 to whoever speaks with us. What enters through a door of an account goes on to its application or to the telephone
    /// network: 407, as Twilio asks there (RFC 3261 section 22.3).
    fn challenge(&mut self, now: Mono, request: &Request, users: Users, stale: bool) {
        let source = request.flow.remote.ip();
        let challenges = self.guard.challenge(&mut self.rng, now, source, &request.message, stale);
        let passed_on = matches!(users, Users::Door(..)) && request.method != Method::Register;
        let (code, words, name) = match passed_on {
            true => (407, "Proxy Authentication Required", "Proxy-Authenticate"),
            false => (401, "Unauthorized", "WWW-Authenticate"),
        };
        let headers: Vec<_> = challenges.into_iter().map(|value| (name, value)).collect();
        self.reply(request, code, words, &headers);
    }
}

/// Whose bindings a user may have, and what its password is compared with.
fn known_user<'a>(
    tables: &'a Snapshot,
    users: Users,
    name: &str,
    source: std::net::IpAddr,
) -> Option<(Option<Registrant>, &'a Ha1)> {
    match users {
        Users::Peers => tables.user(name, source).map(|(trunk, ha1)| (Some(Registrant::Trunk(trunk)), ha1)),
        Users::Door(sid, purpose) => {
            let ha1 = tables.doors().get(sid)?.user(purpose, name)?;
            let owner = match sid {
                DoorSid::Domain(sid) => Some(Registrant::Domain(sid)),
                DoorSid::Trunk(_) => None,
            };
            Some((owner, ha1))
        }
    }
}

/// The same user name may stand at several doors: here they are told apart.
fn full_name(tables: &Snapshot, users: Users, name: &str) -> String {
    match users {
        Users::Peers => name.to_owned(),
        Users::Door(sid, _) => {
            tables.doors().get(sid).map_or_else(|| name.to_owned(), |door| door.address_of_record(name))
        }
    }
}

/// For what a peer may not do.
pub(super) fn forbidden(words: &str) -> Refusal {
    Refusal { code: 403, words: words.to_owned(), headers: Vec::new() }
}
