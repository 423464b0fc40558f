//! The heart. One call is its row, its leg, its program and one phase; a Dial's child is a call of its own.
//! `call` takes events and gives effects, `phase` holds what each verb needs, `status` makes every change of status.

pub mod beginning;
#[expect(clippy::module_inception, reason = "the room is of calls, the file is of one call")]
pub mod call;
pub mod children;
pub mod commands;
pub mod cx;
pub mod ending;
pub mod event;
pub mod handler;
pub mod leg;
pub mod notify;
pub mod permission;
pub mod phase;
pub mod program;
pub mod recordings;
pub mod refer_url;
pub mod requests;
pub mod rights;
pub mod secure;
pub mod spare;
pub mod status;
pub mod streams;
pub mod tables;
pub mod target;
mod terms;
pub mod timers;
pub mod transfer;
pub mod trunking;
pub mod verdict;
