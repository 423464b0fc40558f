//! The HTTP methods that TwiML knows.

/// How a document, an action or a callback is asked for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in a form.
    #[default]
    Post,
}

impl Method {
    /// `GET` or `POST`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}
