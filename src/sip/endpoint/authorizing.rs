//! Credentials for whoever challenges our INVITE, and later requests of its dialog (ruling 2.27).

use super::Endpoint;
use super::leg::{Calling, Phase, Stage};
use crate::sip::digest::{self, Protected};
use crate::sip::event::{Flow, LegId};
use crate::sip::wire::{Message, Method};
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
        let answer = calling.digest.answer(message, &Protected { method, uri, body }, credentials, &cnonce);
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
        calling.authorization = calling.digest.fields(&Protected { method, uri, body }, credentials, &cnonce);
    }

    /// Credentials for a challenged BYE, once.
    pub(super) fn bye_authorization(
        &mut self,
        id: LegId,
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        let auth = self.leg_mut(id)?.auth.as_mut().filter(|a| !a.used)?;
        auth.used = true;
        self.request_authorization(id, &Method::Bye, flow, message)
    }

    /// Credentials for a challenged request of the dialog, if the challenger and its realm are those of the INVITE (ruling 2.27).
    pub(super) fn request_authorization(
        &mut self,
        id: LegId,
        method: &Method,
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        self.body_authorization(id, (method, &[]), flow, message)
    }

    /// As [`Endpoint::request_authorization`], of a request with a body.
    pub(super) fn body_authorization(
        &mut self,
        id: LegId,
        (method, body): (&Method, &[u8]),
        flow: Flow,
        message: &Message,
    ) -> Option<Vec<(String, String)>> {
        let cnonce = self.rng.hex(16);
        let leg = self.leg_mut(id)?;
        let (uri, _) = leg.dialog.routing();
        let auth = leg.auth.as_mut().filter(|a| a.challenger.remote == flow.remote)?;
        if !digest::challenges(message).iter().all(|c| auth.realms.contains(&c.realm)) {
            return None;
        }
        auth.digest.accepted();
        let request = Protected { method, uri: &uri, body };
        auth.digest.answer(message, &request, &auth.credentials, &cnonce).ok()
    }
}
