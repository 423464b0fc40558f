//! Credentials for whoever challenges our INVITE, and later requests of its dialog (ruling 2.27).

use super::Endpoint;
use super::leg::{Calling, Phase, Stage};
use crate::sip::digest::{self, Challenge, Protected};
use crate::sip::event::{Credentials, Flow, LegId};
use crate::sip::wire::{Message, Method};
use crate::trunk::route::credentials;
use bytes::Bytes;

impl Calling {
    /// The offer as its present target reads it.
    fn body(&self) -> Bytes {
        match &self.stage {
            Stage::Sent { flow, .. } => crate::sdp::facing(&self.cmd.offer, flow.local.ip()),
            Stage::New | Stage::Resolving(_) => self.cmd.offer.clone(),
        }
    }
}

impl Endpoint {
    /// Answers a challenge if we can: once for each realm, again for a stale nonce.
    pub(super) fn authorize(&mut self, id: LegId, message: &Message) -> bool {
        let cnonce = self.rng.hex(16);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return false };
        let body = &calling.body();
        let Some(credentials) = &calling.cmd.credentials else { return false };
        let (method, uri) = (&Method::Invite, &calling.cmd.uri);
        let (request, shown) = (Protected { method, uri, body }, &calling.authorization);
        let answer = calling.digest.answer(message, &request, shown, credentials, &cnonce);
        let Ok(fields) = answer else { return false };
        calling.realms.extend(digest::challenges(message).into_iter().map(|c| c.realm));
        calling.authorization = fields;
        true
    }

    /// Another try of an INVITE that was challenged before.
    pub(super) fn authorize_again(&mut self, id: LegId) {
        let cnonce = self.rng.hex(16);
        let Some(Phase::Calling(calling)) = self.leg_mut(id).map(|l| &mut l.phase) else { return };
        let body = &calling.body();
        let Some(credentials) = &calling.cmd.credentials else { return };
        let (method, uri) = (&Method::Invite, &calling.cmd.uri);
        let (request, shown) = (Protected { method, uri, body }, &calling.authorization);
        calling.authorization = calling.digest.fields(shown, &request, credentials, &cnonce);
    }

    /// Credentials for a challenged request of the dialog, if the challenger and its realm are those of the INVITE, or of another one of
    /// ours, or of the REGISTER, over the same trunk (ruling 2.27). `shown` are those that it had.
    pub(super) fn proof(
        &mut self,
        id: LegId,
        request: &Protected<'_>,
        shown: &[(String, String)],
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        let credentials = self.may_be_shown(id, flow, &digest::challenges(message))?;
        let cnonce = self.rng.hex(16);
        let leg = self.leg_mut(id)?;
        let digest = match &mut leg.phase {
            Phase::Calling(calling) => &mut calling.digest,
            _ => &mut leg.digest,
        };
        digest.answer(message, request, shown, &credentials, &cnonce).ok()
    }

    fn may_be_shown(&self, id: LegId, flow: Flow, challenges: &[Challenge]) -> Option<Credentials> {
        let leg = self.legs.get(&id)?;
        let all = |knows: &dyn Fn(&str) -> bool| challenges.iter().all(|c| knows(&c.realm));
        let trunk = match &leg.phase {
            Phase::Calling(calling) => {
                let there = matches!(calling.stage, Stage::Sent { flow: f, .. } if f.remote == flow.remote);
                if there && all(&|realm| calling.realms.iter().any(|r| r == realm)) {
                    return calling.cmd.credentials.clone();
                }
                calling.cmd.trunk.filter(|_| calling.aside.is_none())
            }
            _ => leg.trunk,
        };
        let of_invite = leg.auth.as_ref().filter(|a| a.challenger.remote == flow.remote);
        if let Some(auth) = of_invite.filter(|a| all(&|realm| a.realms.iter().any(|r| r == realm))) {
            return Some(auth.credentials.clone());
        }
        let trunk = trunk?;
        let dialogs = leg.dialog.ids.flow.remote == flow.remote;
        let known = all(&|realm| self.challengers.knows(trunk, flow.remote, realm, dialogs));
        self.sources.trunk(trunk).filter(|_| known).and_then(credentials)
    }

    /// As [`Endpoint::proof`], of a request of ours that is written anew.
    pub(super) fn request_authorization(
        &mut self,
        id: LegId,
        (method, body): (&Method, &[u8]),
        shown: &[(String, String)],
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        let (uri, _) = self.legs.get(&id)?.dialog.routing();
        self.proof(id, &Protected { method, uri: &uri, body }, shown, flow, message)
    }
}
