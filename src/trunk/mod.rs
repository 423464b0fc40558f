//! Who is calling and where to send it.

pub mod countries;
pub mod destination;
pub mod doctor;
pub mod door;
pub mod explain;
pub mod identify;
pub mod identity;
pub mod manners;
pub mod media;
pub mod names;
pub mod normalise;
pub mod policy;
pub mod route;
pub mod snapshot;
pub mod tls;

pub use identify::Network;
pub use snapshot::Snapshot;
