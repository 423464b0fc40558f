//! Requests to the user's application: which parameters ([`params`]), signed how ([`sign`]), under which overrides
//! ([`policy`], [`cookies`]), or no request at all ([`data_url`]), delivered when ([`schedule`], [`fair`], [`round`]); then the shell: which address may be dialled
//! ([`address`], [`guard`]),
//! the exchange itself ([`client`], [`fetch`], [`answer`], with [`digest`] for user info), and a round of delivery ([`outbox`]).

pub mod address;
pub mod answer;
pub mod client;
pub mod cookies;
pub mod data_url;
pub mod digest;
pub mod events;
pub mod fair;
pub mod fetch;
pub mod guard;
pub mod outbox;
pub mod params;
pub mod policy;
pub mod request;
pub mod round;
pub mod schedule;
pub mod sign;
pub mod tls;
mod window;
