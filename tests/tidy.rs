//! The house's own rules, held by a test: pure files stay pure, files and functions stay small, nothing of a workplace gets in.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files that were longer than [`FILE_MAX`] when the rule came. The list may only shrink.
const LONG_FILES: &[&str] = &["src/error.rs"];
const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 60;

/// What a pure file may not say (law 1).
const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "Instant::now",
    "SystemTime::now",
    "rand::",
    "thread::",
    "std::env",
    "TcpStream",
    "UdpSocket",
    "TcpListener",
    "Mutex",
    "RwLock",
    ".await;",
    ".await?",
    ".await.",
    "async fn",
    "reqwest",
    "actix",
];

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut files = vec![];
    for dir in ["src", "twiml/src"] {
        rust_files(&Path::new(ROOT).join(dir), &mut files);
    }
    files.sort();
    files
        .into_iter()
        .map(|p| {
            let name = p.strip_prefix(ROOT).unwrap().display().to_string();
            (name, std::fs::read_to_string(p).unwrap())
        })
        .collect()
}

fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

#[test]
fn pure_files_are_pure() {
    let mut bad = vec![];
    for (name, text) in sources() {
        if text.lines().next().unwrap_or("").starts_with("//! (s)") {
            continue;
        }
        for (i, line) in text.lines().enumerate() {
            if let Some(word) = IMPURE.iter().find(|w| code_of(line).contains(**w)) {
                bad.push(format!("{name}:{}: {word} in a pure file", i + 1));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn files_say_what_they_are_for() {
    let bad: Vec<String> =
        sources().into_iter().filter(|(_, t)| !t.starts_with("//! ")).map(|(name, _)| name).collect();
    assert!(bad.is_empty(), "no sentence at the top of: {}", bad.join(", "));
}

#[test]
fn files_stay_small() {
    let bad: Vec<String> = sources()
        .into_iter()
        .filter(|(name, t)| t.lines().count() > FILE_MAX && !LONG_FILES.contains(&name.as_str()))
        .map(|(name, t)| format!("{name} has {} lines", t.lines().count()))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn functions_fit_a_screen() {
    let mut bad = vec![];
    for (name, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = code_of(line);
            let is_fn = head.trim_start().starts_with("fn ") || head.contains(" fn ");
            if !is_fn || head.trim_end().ends_with(';') || head.contains("fn(") && !head.contains("fn ") {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let end = lines.iter().skip(i).position(|l| *l == close);
            // A table or a match of one line a transition may be long (house rules 10).
            if let Some(n) = end.filter(|n| *n > FUNCTION_MAX) {
                bad.push(format!("{name}:{}: a function of {n} lines", i + 1));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn no_traces_of_a_workplace() {
    let words = [concat!("/wo", "rk/"), concat!("../sha", "red/ref"), concat!("farm-", "studio")];
    let out = std::process::Command::new("git").arg("-C").arg(ROOT).arg("ls-files").output().unwrap();
    let mut bad = vec![];
    for name in String::from_utf8(out.stdout).unwrap().lines() {
        let Ok(text) = std::fs::read_to_string(Path::new(ROOT).join(name)) else { continue };
        bad.extend(words.iter().filter(|w| text.contains(**w)).map(|w| format!("{name}: {w}")));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn docs_config_is_made_from_the_table() {
    let path = Path::new(ROOT).join("docs/config.md");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&path, chorus::config::page()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == chorus::config::page(), "docs/config.md is old: UPDATE=1 rewrites it");
}
