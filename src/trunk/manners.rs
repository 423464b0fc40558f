//! How a trunk's SIP is met: what we ask of its peer, and what of the peer's wishes we follow.

use crate::sip::check::SUPPORTED;
use crate::store::rows::TrunkRow;
use serde::{Deserialize, Serialize};

/// Seconds after which a call counts as dead that nobody refreshed, where a trunk says nothing (RFC 4028 section 4: the recommended one).
pub const SESSION_EXPIRES: u32 = 1_800;
/// The shortest that anybody may ask for (RFC 4028 section 5).
pub const MIN_SE: u32 = 90;

/// Reliable provisional responses (RFC 3262) over a trunk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reliability {
    /// Ours are as always unless the peer requires otherwise; our INVITE says nothing of it.
    Off,
    /// Our INVITE says that we can; ours are reliable where they carry SDP and the peer can.
    #[default]
    Supported,
    /// Our INVITE requires it; ours all are where the peer can.
    Required,
}

/// Whose 3xx are followed over a trunk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirects {
    /// Nobody's: the call ends with it.
    None,
    /// Those that stay with the trunk: at its hosts and addresses, and with whom was called, or an extension.
    #[default]
    Trunk,
    /// Wherever they lead, at the operator's cost.
    Any,
}

/// The words of the API for each value.
macro_rules! words {
    ($kind:ident $name:ident: $($value:ident $word:literal),*) => {
        /// As the API writes them.
        pub const $name: &[&str] = &[$($word),*];

        impl $kind {
            /// As the API writes it.
            pub fn as_str(self) -> &'static str {
                match self { $($kind::$value => $word),* }
            }

            /// Of the API's word.
            pub fn parse(text: &str) -> Option<$kind> {
                [$($kind::$value),*].into_iter().find(|k| k.as_str() == text)
            }
        }
    };
}

words!(Reliability RELIABILITIES: Off "off", Supported "supported", Required "required");
words!(Redirects REDIRECTS: None "none", Trunk "trunk", Any "any");

/// What a trunk says of its peer's SIP.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Reliable provisional responses (RFC 3262).
    pub reliability: Reliability,
    /// The session interval that our INVITE asks for in seconds (RFC 4028); 0: none.
    pub session_expires: u32,
    /// Whose 3xx are followed.
    pub redirects: Redirects,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            reliability: Reliability::default(),
            session_expires: SESSION_EXPIRES,
            redirects: Redirects::default(),
        }
    }
}

impl Manners {
    /// Of a trunk.
    pub fn of(trunk: &TrunkRow) -> Manners {
        Manners {
            reliability: trunk.reliability,
            session_expires: trunk.session_expires.unwrap_or(SESSION_EXPIRES),
            redirects: trunk.redirects,
        }
    }
    /// What an INVITE of ours says of extensions (RFC 3262 section 4, RFC 4028 section 7.1); `min_se`: the shortest session timer
    /// that a 422 asked for, in seconds.
    pub fn extensions(&self, min_se: Option<u32>) -> Vec<(String, String)> {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let known = SUPPORTED.iter().filter(|tag| self.reliability != Reliability::Off || **tag != "100rel");
        let mut fields = vec![field("Supported", &known.copied().collect::<Vec<_>>().join(", "))];
        if self.reliability == Reliability::Required {
            fields.push(field("Require", "100rel"));
        }
        if self.session_expires > 0 {
            fields.push(field("Session-Expires", &self.session_expires.to_string()));
        }
        fields.extend(min_se.map(|least| field("Min-SE", &least.to_string())));
        fields
    }
}
