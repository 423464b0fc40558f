//! Variables that look like settings and are none.

use super::KEYS;

/// Variables that are of the suite and the tools around it, not settings.
const OTHERS: &[&str] = &[
    "CHORUS_CI",
    "CHORUS_FUZZ",
    "CHORUS_LONG",
    "CHORUS_MUTANT",
    "CHORUS_SEED",
    "CHORUS_SHARED",
    "CHORUS_TEST_POSTGRES",
];

/// Of the names of an environment, those that look like settings and are none: a slip of the pen, or a setting of
/// another version. They have no effect, and the log says so.
pub fn strangers(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = |name: &str| KEYS.iter().any(|k| k.env == name) || OTHERS.contains(&name);
    let mut out: Vec<String> = names.filter(|n| n.starts_with("CHORUS_") && !known(n)).collect();
    out.sort_unstable();
    out
}
