//! What a door's `Secure` asks of an INVITE, looked at before anything is made of it: with it TLS and SRTP, without it no SRTP.

use super::Refusal;
use crate::sdp;
use crate::sip::event::{Cause, Invite, Transport};
use crate::store::rows::DoorSid;
use crate::switch::Switch;
use crate::trunk::media;

/// Keys were offered where none are taken.
const KEYS_NOT_TAKEN: u32 = 32_207;
/// No keys were offered.
const KEYS_REQUIRED: u32 = 32_208;
/// It came over UDP or TCP.
const TLS_REQUIRED: u32 = 32_209;
/// What RFC 3261 section 20.43 calls a transport protocol that is not available: here SRTP, or its absence.
const TRANSPORT: u16 = 302;
/// Our name in a Warning.
const AGENT: &str = "chorus";

impl Switch {
    /// Does it come as encrypted as the door wants it? What else may be wrong with its SDP is said when it is answered.
    pub(super) fn encrypted_as_wanted(&mut self, invite: &Invite, door: DoorSid) -> Result<(), Refusal> {
        let tables = self.tables.clone();
        let Some(at) = tables.trunks.doors().get(door) else { return Ok(()) };
        let secure = tables.is_secure(door);
        let refused = |code, phrase: &str, words, error| {
            Err(Refusal::new(Cause::new(code, phrase), words, Some(at.account)).noted_as(error))
        };
        if secure && invite.flow.transport != Transport::Tls {
            let words = format!("{} is Secure: it takes TLS alone", at.host);
            return refused(403, "TLS Required", words, TLS_REQUIRED);
        }
        // To an INVITE without an offer the keys are in ours.
        let Some(Ok(remote)) = invite.offer.as_deref().map(sdp::read) else { return Ok(()) };
        match media::terms(None, secure, &mut self.rng).accept(&remote) {
            Err(e) if e.code == TRANSPORT => {
                let (phrase, error) = if secure {
                    ("SRTP Required", KEYS_REQUIRED)
                } else {
                    ("SRTP Not Accepted", KEYS_NOT_TAKEN)
                };
                let cause = if secure { "is Secure" } else { "is not Secure" };
                let words = format!("{} {cause}: {}", at.host, e.words());
                let refusal = refused(488, phrase, words, error);
                refusal.map_err(|r: Refusal| r.with_header("Warning", e.warning(AGENT)))
            }
            _ => Ok(()),
        }
    }
}
