//! What an installation may set of the endpoint.

use super::{LEGS_MAX, TRANSACTIONS_MAX};
use crate::trunk::Network;

/// What an installation may set.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// `User-Agent` and `Server`.
    pub user_agent: String,
    /// Responses on UDP to a request whose Via names another host than it came from go to the source port even if
    /// `rport` was not asked for: what NAT needs.
    pub symmetric: bool,
    /// The ACK of the first 2xx to an INVITE of ours waits until the call says that its row has the dialog, at most until
    /// the 2xx comes again: after the ACK nobody tells a new process whom to leave.
    pub ack_waits: bool,
    /// Of digest challenges.
    pub realm: String,
    /// The process that owns what registers here.
    pub node: String,
    /// Proxies that may name the trunk they speak for (ruling 2.5).
    pub trusted_proxies: Vec<Network>,
    /// 200 to OPTIONS of everybody, not of known sources alone (ruling 2.7).
    pub answer_unknown_options: bool,
    /// See [`TRANSACTIONS_MAX`].
    pub transactions_max: usize,
    /// See [`LEGS_MAX`].
    pub legs_max: usize,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        EndpointConfig {
            user_agent: "Chorus".to_owned(),
            symmetric: true,
            ack_waits: false,
            realm: "chorus".to_owned(),
            node: String::new(),
            trusted_proxies: Vec::new(),
            answer_unknown_options: false,
            transactions_max: TRANSACTIONS_MAX,
            legs_max: LEGS_MAX,
        }
    }
}
