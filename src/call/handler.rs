//! What answers a call to a number: a document of its application, or a trunk of its account. One function for calls that come in, for
//! those of external switches, and for whoever asks why not.

use super::tables::{ElasticTrunk, Tables};
use crate::store::rows::{Hook, NumberRow};

/// VoiceUrl, fallback, status callback.
pub type Hooks = (Option<Hook>, Option<Hook>, Option<Hook>);

/// See the module.
#[derive(Debug)]
pub enum Handler<'a> {
    /// A document says what becomes of the call; there is a VoiceUrl.
    Document(Hooks),
    /// It rings at the account's own trunk, whatever URLs the number has beside (as Twilio's TrunkSid).
    Trunk(&'a ElasticTrunk),
}

impl<'a> Handler<'a> {
    /// Of a number.
    ///
    /// # Errors
    /// Why nothing answers there, in a sentence for its account: the caller gets 480 (ruling 2.9).
    pub fn of(tables: &'a Tables, number: &NumberRow) -> Result<Handler<'a>, String> {
        if !tables.is_active(number.account) {
            return Err("the account is not active".to_owned());
        }
        if let Some(trunk) = number.trunk.and_then(|sid| tables.elastic(sid)) {
            return Ok(Handler::Trunk(trunk));
        }
        let application = number.application.and_then(|sid| tables.application(sid));
        let hooks = match application {
            Some(app) => (app.voice.clone(), app.fallback.clone(), app.status_callback.clone()),
            None => (number.voice.clone(), number.fallback.clone(), number.status_callback.clone()),
        };
        match (hooks.0.is_some(), application) {
            (true, _) => Ok(Handler::Document(hooks)),
            (false, Some(app)) => {
                Err(format!("the application {} of the number {} has no VoiceUrl", app.sid, number.number))
            }
            (false, None) => Err(format!("the number {} has no VoiceUrl and no application", number.number)),
        }
    }
}
