//! The readable specification: whole conversations, byte-stable. Each begins with the sentence of the issue that it shows.

mod bindings;
mod challenges;
mod corners;
mod dial;
mod dialogs;
mod documents;
mod domains;
mod elastic;
mod events;
mod explain;
mod family;
mod faults;
mod fraud;
mod identity;
mod inbound;
mod limits;
mod media;
mod outbound;
mod outward;
mod refer;
mod refer_url;
mod refusals;
mod refused_calls;
mod registering;
mod rest;
mod rights;
pub mod scene;
mod secure;
mod signalling;
mod spare;
mod survives;
mod transfer;
mod users;
mod verbs;
mod visits;
mod ways;

/// The names that tests give to `ladder::check`, read from their sources: a ladder that nobody shows is a mistake.
#[test]
fn every_ladder_is_shown() {
    let sources = [
        include_str!("bindings.rs"),
        include_str!("challenges.rs"),
        include_str!("dial.rs"),
        include_str!("dialogs.rs"),
        include_str!("domains.rs"),
        include_str!("elastic.rs"),
        include_str!("events.rs"),
        include_str!("faults.rs"),
        include_str!("fraud.rs"),
        include_str!("identity.rs"),
        include_str!("inbound.rs"),
        include_str!("limits.rs"),
        include_str!("media.rs"),
        include_str!("outbound.rs"),
        include_str!("outward.rs"),
        include_str!("registering.rs"),
        include_str!("refer.rs"),
        include_str!("refusals.rs"),
        include_str!("refer_url.rs"),
        include_str!("rights.rs"),
        include_str!("rest.rs"),
        include_str!("secure.rs"),
        include_str!("signalling.rs"),
        include_str!("spare.rs"),
        include_str!("survives.rs"),
        include_str!("transfer.rs"),
        include_str!("ways.rs"),
        include_str!("users.rs"),
        include_str!("verbs.rs"),
    ];
    let names: Vec<&str> = sources.iter().flat_map(|s| s.split('"')).collect();
    let left = crate::kit::ladder::unreferenced(&names);
    assert!(left.is_empty(), "nobody shows {left:?}");
    let kept = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ladder")).unwrap();
    let kept = kept.filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "ladder")).count();
    assert!(kept >= 40, "{kept} ladders");
}
