//! The demo: whole, spoiled in each way it knows, and kept. It judges the time of every packet, so `scripts/test` runs it when
//! nothing else runs.

use super::{Folder, chorus, output, watched};
use crate::security::secrets;
use chorus::cli::demo::beat::Beats;
use chorus::clock::Mono;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// What is spoiled, and the line of the summary that must say so.
const BREAKS: &[(&str, &str)] = &[
    ("mute-agent", "echo"),
    ("lost-callback", "callbacks"),
    ("silent-say", "Say"),
    ("short-recording", "recording"),
    ("lost-mark", "mark, clear"),
    ("lost-clear", "mark, clear"),
    ("wrong-keys", "Gather"),
    ("lost-packets", "packets"),
    ("stalled-phone", "packets"),
];

fn start(folder: &Folder, args: &[&str]) -> Child {
    chorus()
        .arg("demo")
        .args(args)
        .env("TMPDIR", &folder.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    watched(&output.stderr);
    heard_ladder(&String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The ladder on stdout is the timeline as it grows; what stands beside it names the demo's own numbers.
fn heard_ladder(text: &str) {
    text.lines().filter(|l| l.contains('|')).for_each(|l| watched(l.as_bytes()));
}

fn failed(text: &str, line: &str) -> bool {
    text.lines().any(|l| l.strip_prefix("FAIL  ").is_some_and(|rest| rest.starts_with(line)))
}

#[test]
fn the_demo_is_whole_and_each_break_is_noticed() {
    let folder = Folder::new("demo");
    // A binary that knows no other break than those that are tried.
    let help = output(chorus().args(["demo", "--help"]));
    let help = String::from_utf8(help.stdout).unwrap();
    let known = help.lines().filter(|l| l.trim_start().starts_with("- ")).count();
    assert_eq!(known, BREAKS.len(), "{help}");
    let (code, text) = end(start(&folder, &[]));
    assert_eq!(code, Some(0), "{text}");
    for line in ["INVITE", "<Say>", "<Gather>", "<Connect>", "<Record>", "<Hangup>", "BYE", "callback"] {
        assert!(text.contains(line), "no {line} in the ladder:\n{text}");
    }
    // Nine at once are in each other's way, which takes nothing from what each must notice.
    let spoiled: Vec<_> =
        BREAKS.iter().map(|(name, line)| (name, line, start(&folder, &["--break", name]))).collect();
    for (name, line, child) in spoiled {
        let (code, text) = end(child);
        assert_eq!(code, Some(1), "--break {name}:\n{text}");
        assert!(failed(&text, line), "--break {name} does not fail {line:?}:\n{text}");
    }
}

/// What `--keep` prints works: every line is run as it stands.
#[test]
fn a_kept_demo_can_be_used() {
    let folder = Folder::new("keep");
    let errors = folder.0.join("stderr");
    let mut child = chorus()
        .args(["demo", "--keep"])
        .env("TMPDIR", &folder.0)
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let before: Vec<String> = lines.by_ref().take_while(|l| !l.starts_with("The server stays up")).collect();
    let mut pasted: Vec<String> = Vec::new();
    while !pasted.last().is_some_and(|l| l.contains(" ladder ")) {
        pasted.push(lines.next().unwrap_or_else(|| panic!("{pasted:?}")));
    }
    let said = before.join("\n");
    let call = said.split_whitespace().find(|w| w.len() == 34 && w.starts_with("CA")).unwrap();
    let command =
        |word: &str| pasted.iter().find(|l| l.contains(word)).unwrap_or_else(|| panic!("{pasted:?}"));
    let paste = |line: &str| output(Command::new("sh").args(["-c", line]).env_clear());

    let curl = command("curl").replace("curl -s -u ", "");
    let (user, url) = curl.trim().split_once(' ').unwrap();
    let (account, token) = user.split_once(':').unwrap();
    secrets::plant(token);
    let base = url.split("/2010-04-01").next().unwrap();
    let saved = folder.0.join("heard.wav");
    let phone = paste(&format!("{} --save {} --seconds 3", command(" call +"), saved.display()));
    let heard =
        hound::WavReader::open(&saved).unwrap().into_samples::<i16>().map(Result::unwrap).collect::<Vec<_>>();
    let ladder = paste(command(" ladder "));
    assert!(ladder.status.success(), "{}", String::from_utf8_lossy(&ladder.stderr));
    let wrong = output(chorus().args(["ladder", call, "--url", base, "--account", account, "--token", "0"]));
    interrupt(&child);
    let status = child.wait().unwrap();
    watched(&std::fs::read(errors).unwrap());
    heard_ladder(&said);

    assert!(said.contains("Everything was as it must be"), "{said}");
    assert!(phone.status.success(), "{}", String::from_utf8_lossy(&phone.stderr));
    assert!(String::from_utf8_lossy(&phone.stdout).contains("-- INVITE"), "the phone's ladder");
    assert!(
        heard.len() > 16_000 && heard.iter().any(|s| s.unsigned_abs() > 4_000),
        "{} samples",
        heard.len()
    );
    let ladder = String::from_utf8(ladder.stdout).unwrap();
    for word in ["INVITE", "<Record>", "callback", "/status completed: 200"] {
        assert!(ladder.contains(word), "no {word:?} in\n{ladder}");
    }
    assert!(!wrong.status.success(), "a wrong token reads a timeline");
    assert!(status.success(), "{status}");
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// What the machine does to a thread that only has to wake up excuses packets, so it must be counted rightly.
#[test]
fn a_thread_that_stood_still_is_late_by_what_it_missed() {
    let mut beats = Beats::default();
    let done = beats.on_wake(0, Mono(5_100));
    assert_eq!((done, beats.all, beats.late), (1, 1, 0));
    // 100 ms: of the steps at 10 to 105 ms those up to 85 ms were missed by more than 20 ms.
    let done = beats.on_wake(done, Mono(105_100));
    assert_eq!((done, beats.all, beats.late), (21, 21, 16));
    // A little late is not late, and a step is counted once.
    let done = beats.on_wake(done, Mono(124_900));
    let done = beats.on_wake(done, Mono(124_950));
    assert_eq!((done, beats.all, beats.late), (24, 24, 16));
    assert!((beats.share() - 16.0 / 24.0).abs() < 1e-9);
}

#[test]
fn a_break_that_is_not_known_is_refused() {
    let mut child = chorus()
        .args(["demo", "--break", "everything"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut why = String::new();
    child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(why.contains("mute-agent"), "{why}");
}
