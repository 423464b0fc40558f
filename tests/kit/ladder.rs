//! Ladders: a whole conversation as a picture, compared with the file that holds it. `UPDATE=1` rewrites.

use super::World;
use std::path::PathBuf;
use std::time::Duration;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/ladder")
}

/// Lets one virtual hour pass, then compares `NAME.ladder`. `sentence` is what it shows.
pub fn check(mut w: World, name: &str, sentence: &str) {
    w.run(Duration::from_secs(3_600));
    let c = w.switch.counts();
    let tasks =
        c.pending + c.journal + w.engines.iter().map(|e| e.counts().legs + e.counts().streams).sum::<usize>();
    let text = format!(
        "# {sentence}\n\n{}\ncalls {} live, outbox {} pending, ports {}, transactions {}, timers {}, tasks {}\n",
        w.picture(),
        c.calls,
        c.outbox,
        c.ports,
        c.transactions + c.dialogs,
        c.timers,
        tasks,
    );
    let end = "calls 0 live, outbox 0 pending, ports 0, transactions 0, timers 0, tasks 0\n";
    let path = folder().join(format!("{name}.ladder"));
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(text.ends_with(end), "something is left of {name}:\n{text}");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} has changed (UPDATE=1 rewrites it):\n{}", difference(&kept, &text));
}

fn difference(kept: &str, now: &str) -> String {
    let mut out = String::new();
    let (mut a, mut b) = (kept.lines(), now.lines());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return out,
            (x, y) if x == y => {}
            (x, y) => {
                out.push_str(&format!("- {}\n+ {}\n", x.unwrap_or(""), y.unwrap_or("")));
            }
        }
    }
}

/// Every file of the folder is used by a test: names are collected by `check`'s callers.
pub fn unreferenced(used: &[&str]) -> Vec<String> {
    std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|e| {
            e.unwrap().file_name().to_str().and_then(|n| n.strip_suffix(".ladder")).map(str::to_owned)
        })
        .filter(|n| !used.contains(&n.as_str()))
        .collect()
}
