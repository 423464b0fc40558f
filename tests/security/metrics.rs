//! `/metrics` is one table: the code, the page and the table agree.

use chorus::telemetry::metrics::{METRICS, page};
use std::collections::BTreeSet;
use std::path::Path;

fn names_in(dir: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_in(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("telemetry/metrics.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let squeezed: String = text.split_whitespace().collect();
            for macro_name in [
                "counter!(\"",
                "gauge!(\"",
                "histogram!(\"",
                "set(\"chorus",
                "plain(\"chorus",
                "labelled(\"chorus",
            ] {
                for part in squeezed.split(macro_name).skip(1) {
                    let name = part.split('"').next().unwrap();
                    let prefix = if macro_name.ends_with("chorus") { "chorus" } else { "" };
                    out.insert(format!("{prefix}{name}"));
                }
            }
        }
    }
}

#[test]
fn every_metric_is_declared_and_every_declared_one_is_used() {
    let mut used = BTreeSet::new();
    names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
    let declared: BTreeSet<String> = METRICS.iter().map(|m| m.name.to_owned()).collect();
    assert_eq!(used, declared);
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page(), "UPDATE=1 writes it anew");
}
