//! What users are shown of a registration.

use crate::clock::Wall;
use serde::Serialize;

/// Where a registration stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Asked for the first time, or anew after a change; nothing has come of it yet.
    Registering,
    /// The peer took it.
    Registered,
    /// The last try came to nothing; there will be another.
    Failed,
    /// The peer does not answer OPTIONS any more.
    Down,
}

impl Standing {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Registering => "registering",
            Standing::Registered => "registered",
            Standing::Failed => "failed",
            Standing::Down => "down",
        }
    }
}

/// The state of one registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegistrationState {
    /// Where it stands.
    pub state: Standing,
    /// Since when.
    pub since: Wall,
    /// Until when the peer has us, unless it is refreshed.
    pub expires: Option<Wall>,
    /// Why the last try came to nothing: code and words (`403 Forbidden`), or a sentence where there was no answer.
    pub last_error: Option<String>,
    /// When the next try is due, after one that failed.
    pub next_try: Option<Wall>,
}

impl RegistrationState {
    /// Of a registration that begins.
    pub(super) fn begun(since: Wall) -> RegistrationState {
        RegistrationState {
            state: Standing::Registering,
            since,
            expires: None,
            last_error: None,
            next_try: None,
        }
    }

    /// The same standing keeps its `since`.
    pub(super) fn stand(&mut self, now: Wall, state: Standing, error: Option<String>) {
        if self.state != state {
            self.since = now;
        }
        self.state = state;
        self.last_error = error;
        self.next_try = None;
    }
}
