//! A fresh PostgreSQL database for each server, by the `psql` beside the server that the suite was given.

/// Makes a database at the server of `base` and gives its URL.
pub fn fresh(base: &str) -> String {
    let name = format!("chorus_api_{}", chorus::api::rng().hex(12));
    let made = std::process::Command::new("psql")
        .args([base, "-v", "ON_ERROR_STOP=1", "-q", "-c", &format!("CREATE DATABASE {name}")])
        .status()
        .expect("psql runs");
    assert!(made.success(), "a database could be made");
    let (before, query) = base.split_once('?').map_or((base, String::new()), |(b, q)| (b, format!("?{q}")));
    let server = before.rsplit_once('/').map_or(before, |(s, _)| s);
    format!("{server}/{name}{query}")
}
