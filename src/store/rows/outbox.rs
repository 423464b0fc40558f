//! Callbacks that must be delivered.

use super::Hook;
use crate::clock::Wall;
use crate::sid::*;
use serde::{Deserialize, Serialize};

/// Names an outbox row; also its idempotency token (a UUID in form).
pub type OutboxId = u128;

/// What runs in a call and is told of by callbacks of its own: a receiver that is slow for one holds up no other.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// A media stream.
    Stream(StreamSid),
    /// A recording.
    Recording(RecordingSid),
    /// What the operator is told of the call and its streams.
    Events(CallSid),
}

/// A callback that must be delivered. Rows leave by retention, not on success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Also the token of every try.
    #[serde(with = "hex128")]
    pub id: OutboxId,
    /// Account.
    pub account: AccountSid,
    /// The call; its rows are delivered in `position` order, those of a part of it in the part's own.
    pub call: Option<CallSid>,
    /// The part of the call that it tells of; None: of the call itself.
    #[serde(default)]
    pub part: Option<Part>,
    /// Order within the call, or within the part.
    pub position: u32,
    /// Where.
    pub hook: Hook,
    /// Parameters, complete.
    pub params: Vec<(String, String)>,
    /// JSON that is sent instead of parameters: to the operator, who gets a token of the settings with it and no signature.
    #[serde(default)]
    pub json: Option<String>,
    /// `pending`, `delivered`, `failed`.
    pub state: String,
    /// Rounds tried (a crash is no try).
    pub rounds: u8,
    /// Not before.
    pub next: Wall,
    /// The last outcome in a sentence.
    pub last: Option<String>,
    /// Created.
    pub created: Wall,
    /// Delivered or given up.
    pub done: Option<Wall>,
}

impl OutboxRow {
    /// A callback of its own, outside of a call's order, that has not been tried yet and is due at once.
    pub fn pending(
        id: OutboxId,
        account: AccountSid,
        hook: Hook,
        params: Vec<(String, String)>,
        at: Wall,
    ) -> OutboxRow {
        OutboxRow {
            id,
            account,
            call: None,
            part: None,
            position: 0,
            hook,
            params,
            json: None,
            state: "pending".to_owned(),
            rounds: 0,
            next: at,
            last: None,
            created: at,
            done: None,
        }
    }

    /// The same about a part of a call.
    pub fn of(self, call: CallSid, part: Part, position: u32) -> OutboxRow {
        OutboxRow { call: Some(call), part: Some(part), position, ..self }
    }
}

/// 128 bits as 32 hexadecimal digits, because JSON numbers end at 64.
mod hex128 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &u128, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{id:032x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u128, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        u128::from_str_radix(&text, 16).map_err(|_| D::Error::custom("not 32 hexadecimal digits"))
    }
}
