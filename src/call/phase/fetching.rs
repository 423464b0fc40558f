//! Between two documents: the request whose answer is awaited.

use crate::webhooks::request::{FetchId, FetchRequest};

/// The one outstanding request; an answer with another id is ignored.
pub struct Fetching {
    /// Its id.
    pub id: FetchId,
    /// Its URL as configured, for ErrorUrl.
    pub url: String,
    /// For the notification if it fails.
    pub request: FetchRequest,
}
