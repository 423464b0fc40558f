//! What a call may look at while it handles an event: the time, chance, the tables, and where its effects go.

use super::event::Effect;
use super::tables::Tables;
use super::target::NoRoute;
use crate::clock::Now;
use crate::media::plan::{SourceId, TapId};
use crate::mutants;
use crate::rng::Rng;
use crate::sid::AccountSid;
use crate::sip::event::LegId;
use crate::sip::registrar::Registrar;
use crate::speech::ClipId;
use crate::switch::channels::Channels;
use crate::switch::usage::Usage;
use crate::webhooks::events;
use crate::webhooks::request::FetchId;
use std::sync::Arc;

/// Numbers that are unique in the process: fetches, clips, sources, taps and outbound legs.
#[derive(Debug, Default)]
pub struct Ids(u64);

impl Ids {
    fn next(&mut self) -> u64 {
        self.0 += 2;
        self.0
    }

    /// A fetch.
    pub fn fetch(&mut self) -> FetchId {
        FetchId(self.next())
    }

    /// A clip.
    pub fn clip(&mut self) -> ClipId {
        ClipId(self.next())
    }

    /// A source.
    pub fn source(&mut self) -> SourceId {
        SourceId(self.next())
    }

    /// A tap.
    pub fn tap(&mut self) -> TapId {
        TapId(self.next())
    }

    /// An outbound leg: even, the endpoint's inbound ones are odd.
    pub fn leg(&mut self) -> LegId {
        LegId(self.next())
    }
}

/// Settings that decide what calls do.
#[derive(Clone, Debug)]
pub struct CallSettings {
    /// Base of links in callbacks, without a slash at its end.
    pub public_url: String,
    /// Name of this process in rows.
    pub node: String,
    /// Seconds without RTP and RTCP after which an answered call ends; 0: never.
    pub silent_after_s: u32,
    /// Digest realm of peers that register here: `sip:user@realm` is one of them.
    pub realm: String,
    /// Where the operator wants to hear of calls and streams.
    pub events: Option<events::Target>,
    /// Addresses that we know to be ours: `sip:user@` one of them is the same.
    pub addresses: Vec<std::net::SocketAddr>,
}

/// The surroundings of one event.
pub struct Cx<'a> {
    /// When it happened.
    pub now: Now,
    /// Chance.
    pub rng: &'a mut Rng,
    /// Numbers.
    pub ids: &'a mut Ids,
    /// The newest tables; a call keeps those it began with.
    pub tables: &'a Arc<Tables>,
    /// Who has registered here.
    pub registrar: &'a Registrar,
    /// How many calls each trunk has.
    pub channels: &'a Channels,
    /// What each account has under way and has talked.
    pub usage: &'a Usage,
    /// Settings.
    pub settings: &'a CallSettings,
    /// Where effects go.
    pub fx: &'a mut Vec<Effect>,
}

impl Cx<'_> {
    /// Adds an effect.
    pub fn push(&mut self, e: Effect) {
        self.fx.push(e);
        mutants::effect();
    }

    /// May the account have one more call, beside those that this event has begun already? Some: for so many seconds.
    ///
    /// # Errors
    /// 10004 with a sentence.
    pub fn room(&self, account: AccountSid) -> Result<Option<u32>, NoRoute> {
        let begun = self.fx.iter().filter(|e| matches!(e, Effect::Spawn(s) if !s.far_end)).count();
        let room = self.usage.room(self.now.wall, self.tables, account, begun);
        room.map_err(|(code, words)| NoRoute { code, words })
    }

    /// A line of the timeline.
    pub fn trace(&mut self, from: &'static str, to: &'static str, what: impl Into<String>) {
        self.push(Effect::Trace { from, to, what: what.into() });
    }
}
