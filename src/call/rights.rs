//! Which transfers a call's peer may make by REFER, and as whom the new party is called (decision 0016).
//!
//! | the peer | may transfer to |
//! | --- | --- |
//! | of the operator's trunk | as its `refer` says: numbers, users that register here, extensions at its house |
//! | a PBX behind a trunk of the account | as its `TransferMode` says: SIP addresses, and with `enable-all` numbers |
//! | a telephone of a SIP domain | users of the account's domains: what else is dialled is for the application to say (referUrl) |

use super::call::Call;
use super::cx::Cx;
use super::target::{self, NoRoute, Target, Wish};
use crate::sip::refer::ReferTo;
use crate::sip::wire::Uri;
use crate::store::elastic::ElasticTrunkRow;
use crate::store::rows::{CallRow, DoorSid, TrunkRow};
use crate::trunk::policy::Refer;
use crate::trunk::{normalise, route};

/// Nobody has said what becomes of a REFER.
pub const NO_REFER_URL: u32 = 13_802;
/// The TransferMode of the trunk.
pub const NOT_BY_MODE: u32 = 32_218;

/// The trunk of an account whose PBX is a call's peer.
#[derive(Clone, Debug)]
pub struct Pbx {
    trunk: ElasticTrunkRow,
    /// The account's number that was called there, or calls from there.
    number: String,
}

impl Pbx {
    /// Behind this trunk, for a call of this number.
    pub fn new(trunk: &ElasticTrunkRow, number: &str) -> Pbx {
        Pbx { trunk: trunk.clone(), number: number.to_owned() }
    }

    /// Of the trunk through whose door somebody takes the place of a call's peer: its rights, not those of who was there before.
    pub fn taking_over(trunk: &ElasticTrunkRow, row: &CallRow) -> Pbx {
        Pbx::new(trunk, if row.direction.is_to_own() { &row.to } else { &row.from })
    }

    fn refuses(&self, words: &str) -> NoRoute {
        let trunk = &self.trunk;
        let words = format!("{words} on trunk {}, whose TransferMode is {}", trunk.sid, trunk.transfer_mode);
        NoRoute { code: NOT_BY_MODE, words }
    }
}

/// Who vouches for a transfer.
pub enum Rights<'a> {
    /// The operator, by his trunk.
    Trunk(&'a TrunkRow),
    /// The account, by its trunk.
    Pbx(&'a Pbx),
    /// The account, by its SIP domain.
    Domain,
}

impl Call {
    /// May its peer transfer it (ruling 2.25)? What comes without a trunk and through no domain may not: nobody vouches for it.
    ///
    /// # Errors
    /// [`NO_REFER_URL`] or [`NOT_BY_MODE`], and what would allow it.
    pub fn may_transfer(&self) -> Result<Rights<'_>, NoRoute> {
        if let Some(pbx) = &self.pbx {
            let off = pbx.trunk.transfer_mode == "disable-all";
            return if off { Err(pbx.refuses("REFER")) } else { Ok(Rights::Pbx(pbx)) };
        }
        let no = |words: String| Err(NoRoute { code: NO_REFER_URL, words });
        match self.row.trunk.and_then(|sid| self.tables.trunks.trunk(sid)) {
            Some(trunk) if trunk.refer == Refer::Allow => Ok(Rights::Trunk(trunk)),
            Some(trunk) => no(format!(
                "REFER of trunk {} ({}), which may not transfer: PATCH it with \"refer\": \"allow\", or give the Dial a referUrl",
                trunk.sid, trunk.name
            )),
            None if self.is_of_domain() => Ok(Rights::Domain),
            None => no("REFER on a call that came over no trunk: give the Dial a referUrl".to_owned()),
        }
    }

    /// Is its peer a telephone at a SIP domain of the account?
    fn is_of_domain(&self) -> bool {
        let called = || Uri::parse(&self.row.to).is_ok_and(|uri| self.is_own_domain(&uri.host));
        self.row.domain.is_some() || !self.row.direction.came_in() && called()
    }

    fn is_own_domain(&self, host: &str) -> bool {
        let door = self.tables.trunks.doors().at(host);
        door.is_some_and(|d| d.account == self.row.account && matches!(d.sid, DoorSid::Domain(_)))
    }

    /// The new party by the account's own ways: what the row says of it, and how it is reached.
    pub(super) fn way_to(&self, cx: &Cx<'_>, to: &ReferTo) -> Result<(String, Target), NoRoute> {
        match self.may_transfer()? {
            Rights::Trunk(trunk) => self.way_of_trunk(cx, trunk, to),
            Rights::Pbx(pbx) => self.way_of_pbx(cx, pbx, to),
            Rights::Domain if self.is_own_domain(&to.host) || self.is_registered(cx, to) => {
                let target = target::find(cx, self.row.account, &self.wish(&to.uri, to, false))?;
                Ok((to.uri.clone(), with_replaces(target, to)))
            }
            Rights::Domain => {
                let words = format!(
                    "REFER to {}: a telephone of a SIP domain transfers to users of the account's domains; give the Dial a referUrl to decide on others",
                    to.uri
                );
                Err(NoRoute { code: NO_REFER_URL, words })
            }
        }
    }

    fn is_registered(&self, cx: &Cx<'_>, to: &ReferTo) -> bool {
        target::is_registered(cx, self.row.account, &to.uri)
    }

    /// A number, a user that registered here, or an address at the house that the REFER came from.
    fn way_of_trunk(&self, cx: &Cx<'_>, trunk: &TrunkRow, to: &ReferTo) -> Result<(String, Target), NoRoute> {
        let account = self.row.account;
        let host = |named: &str| {
            let bare = named.rsplit_once(':').map_or(named, |(host, _)| host);
            bare.trim_matches(['[', ']']).eq_ignore_ascii_case(&to.host)
        };
        let theirs = trunk.outbound_host.as_deref().is_some_and(host);
        let local = format!("sip:{}@{}", to.user, route::LOCAL_DOMAIN);
        if to.replaces.is_some() || (theirs && !to.user.starts_with('+')) {
            let target = target::at_house(cx, account, trunk, &to.uri, &self.wish(&to.user, to, false))?;
            return Ok((to.uri.clone(), with_replaces(target, to)));
        }
        if target::is_registered(cx, account, &local) {
            return Ok((local.clone(), target::find(cx, account, &self.wish(&local, to, false))?));
        }
        if is_number(&to.user) {
            let number = normalise::inbound(&to.user, trunk.country.as_deref());
            return Ok((number.clone(), target::find(cx, account, &self.wish(&number, to, false))?));
        }
        let words = format!(
            "REFER to {}: neither a number, nor a user that registers here, nor an address at the trunk's host",
            to.uri
        );
        Err(NoRoute { code: NO_REFER_URL, words })
    }

    /// A number at a host of ours is one of the telephone network; everything else is a SIP address.
    fn way_of_pbx(&self, cx: &Cx<'_>, pbx: &Pbx, to: &ReferTo) -> Result<(String, Target), NoRoute> {
        if is_number(&to.user) && is_here(cx, pbx, &to.host) {
            if pbx.trunk.transfer_mode != "enable-all" {
                return Err(pbx.refuses(&format!("REFER to the number {}", to.user)));
            }
            let read = normalise::inbound(&to.user, None);
            let number = format!("+{}", read.trim_start_matches('+'));
            let target = target::find(cx, self.row.account, &self.wish(&number, to, false))?;
            return Ok((number, target));
        }
        let wish = self.wish(&to.uri, to, pbx.trunk.secure);
        let target = target::find(cx, self.row.account, &wish)?;
        Ok((to.uri.clone(), with_replaces(target, to)))
    }

    fn wish<'a>(&'a self, callee: &'a str, to: &ReferTo, secure: bool) -> Wish<'a> {
        Wish {
            to: callee,
            from: self.shown(),
            headers: to.headers.clone(),
            behind: self.pbx.as_deref().map(|p| p.number.as_str()),
            secure,
            ..Wish::default()
        }
    }

    /// As whom the new party is called: who stays, or by TransferCallerId who transfers; where a document stays, the account's own number.
    pub(super) fn shown(&self) -> &str {
        let withheld = self.trunking.as_ref().is_some_and(|t| t.withheld);
        match &self.pbx {
            Some(pbx) if pbx.trunk.transfer_caller_id == "from-transferor" => {
                if withheld {
                    "anonymous"
                } else {
                    &pbx.number
                }
            }
            Some(_) if self.row.direction.came_in() => &self.row.to,
            _ if self.parent.is_none() && self.row.direction.is_to_own() => &self.row.to,
            _ => &self.row.from,
        }
    }
}

/// Is this host one of ours, where a PBX reaches the telephone network?
fn is_here(cx: &Cx<'_>, pbx: &Pbx, host: &str) -> bool {
    let names = [cx.settings.realm.as_str(), route::LOCAL_DOMAIN, ""];
    let named =
        names.into_iter().chain(pbx.trunk.domain_name.as_deref()).any(|n| n.eq_ignore_ascii_case(host));
    let ip = host.parse::<std::net::IpAddr>().ok();
    named || ip.is_some_and(|ip| cx.settings.addresses.iter().any(|a| a.ip() == ip))
}

fn is_number(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// An attended transfer to a house that is not ours: it finds the call by its Replaces.
fn with_replaces(mut target: Target, to: &ReferTo) -> Target {
    if let Some(r) = &to.replaces {
        let early = if r.early_only { ";early-only" } else { "" };
        let value = format!("{};to-tag={};from-tag={}{early}", r.call_id, r.to_tag, r.from_tag);
        target.headers.push(("Replaces".to_owned(), value));
        target.headers.push(("Require".to_owned(), "replaces".to_owned()));
    }
    target
}
