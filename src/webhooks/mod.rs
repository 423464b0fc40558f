//! Requests to the user's application: which parameters, signed how, under which policy, delivered when.

pub mod request;
