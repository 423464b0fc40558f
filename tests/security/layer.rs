//! The whole suite runs under a subscriber that reads every line of the log and of every timeline (ruling 2.40): a planted secret, an
//! unmasked number, user info, a query value or a key makes the run fail, whatever its tests say. What the built binary writes to
//! stderr as a process of its own is read by the same eyes ([`heard`]), and so is what happens in virtual time.

use super::secrets;
use chorus::telemetry::redact;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The filter under which the built binary writes its timelines into its log, for [`heard`].
pub const LOG: &str = "info,chorus::timeline=trace";
/// What is printed of the findings; all are counted.
const PRINTED_MAX: usize = 50;

static SEEN: AtomicU64 = AtomicU64::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

/// Lines that were read so far.
pub fn seen() -> u64 {
    SEEN.load(Ordering::Relaxed)
}

/// Something that the product said, and where.
pub fn heard(place: &str, text: &str) {
    SEEN.fetch_add(1, Ordering::Relaxed);
    if let Some(why) = verdict(text) {
        report(&format!("{place}: {why}"));
    }
}

/// The run fails at its end, so that everything is found at once and children are cleaned up. The harness must not swallow the words.
fn report(why: &str) {
    if FOUND.fetch_add(1, Ordering::SeqCst) < PRINTED_MAX {
        let _ = writeln!(std::io::stderr(), "\nTHE LOG SHOWS TOO MUCH. {why}\n");
    }
}

/// libtest ends by `exit`, whose status only a handler like this can still change.
extern "C" fn at_exit() {
    let found = FOUND.load(Ordering::SeqCst);
    if found > 0 {
        let _ = writeln!(
            std::io::stderr(),
            "\nFAILED: {found} lines of logs and timelines show too much (above)"
        );
        // SAFETY: ends the process without further handlers; nothing is left to be flushed.
        unsafe { libc::_exit(101) }
    }
}

/// Why a line may not be written.
pub fn verdict(text: &str) -> Option<String> {
    if let Some(secret) = secrets::found(text) {
        return Some(format!("the secret {secret} is in: {text}"));
    }
    if let Some(keys) = keys(text) {
        return Some(format!("keys ({keys}) are in: {text}"));
    }
    text.split_whitespace().find_map(shown).map(|why| format!("{why} in: {text}"))
}

/// What a word shows that it must not; found by other means than the mask's own.
fn shown(word: &str) -> Option<String> {
    if let Some((_, rest)) = word.split_once("://") {
        let authority = rest.split(['/', '?', '#', '"', '\'']).next().unwrap_or_default();
        if authority.contains('@') {
            return Some(format!("{word} has user info"));
        }
    }
    let lower = word.to_ascii_lowercase();
    let user =
        ["sip:", "sips:"].iter().find_map(|s| lower.split_once(s)?.1.split_once('@').map(|(user, _)| user));
    if user.is_some_and(|u| u.contains(':')) {
        return Some(format!("{word} has a password"));
    }
    let query = word.split_once('?').map_or("", |(_, query)| query);
    let is_name =
        |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%~[]".contains(&b));
    let shown = query.split('&').filter_map(|pair| pair.split_once('='));
    if let Some((name, _)) = shown.into_iter().find(|(name, value)| is_name(name) && !value.starts_with('*'))
    {
        return Some(format!("{word} has a value of {name}"));
    }
    // Figures and folders may be long; a plus or a URL says what it is.
    let tells = ["+", "://", "sip:"].iter().any(|mark| word.contains(mark));
    (tells && redact::line(word) != word).then(|| format!("{word} is not masked"))
}

/// Keys beside the word that says so: `Digits=42`, `digit "5"`, `"what":"key 5"`. The one text about keys is `key`.
fn keys(text: &str) -> Option<&str> {
    let after = |word: &'static str| text.match_indices(word).map(move |(at, _)| &text[at + word.len()..]);
    let digits = after("igits").chain(after("igit")).chain(after("key"));
    digits.into_iter().find_map(|rest| {
        let value = rest.trim_start_matches(['=', ':', ' ', '"', '\'', '\\']);
        let between = &rest[..rest.len() - value.len()];
        // `key=*` is the masked value of a query.
        let is_key = |c: char| c.is_ascii_digit() || !between.contains('=') && matches!(c, '*' | '#');
        ((1..=4).contains(&between.len()) && value.starts_with(is_key)).then(|| &value[..1])
    })
}

struct Reading(String);

impl Visit for Reading {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// Reads events and the fields of spans, and says what it finds.
struct Watch<F>(F);

impl<F: Fn(&str, &str)> Watch<F> {
    fn read(&self, metadata: &tracing::Metadata<'_>, record: impl FnOnce(&mut Reading)) {
        // Others speak at debug of what is theirs; the default filter never shows it.
        if !metadata.target().starts_with("chorus") && *metadata.level() > tracing::Level::INFO {
            return;
        }
        let mut text = Reading(String::new());
        record(&mut text);
        (self.0)(metadata.target(), &text.0);
    }
}

impl<S, F> Layer<S> for Watch<F>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    F: Fn(&str, &str) + 'static,
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.read(event.metadata(), |text| event.record(text));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.read(attributes.metadata(), |text| attributes.record(text));
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, all: Context<'_, S>) {
        if let Some(metadata) = all.metadata(span) {
            self.read(metadata, |text| values.record(text));
        }
    }
}

/// libtest has no hook before the first test; the loader has.
extern "C" fn install() {
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Watch(heard)));
    // SAFETY: registers a function that touches atomics and stderr only.
    unsafe { libc::atexit(at_exit) };
}

#[used]
#[unsafe(link_section = ".init_array")]
static INSTALL: extern "C" fn() = install;

#[test]
fn the_eyes_see() {
    secrets::plant("canary-of-the-layer-itself");
    for good in [
        "all is well, CA00000000000000000000000000000001",
        "a call from +1555*****34 to sip:+1555*****34@192.0.2.7:5060?X-a=*",
        "what? nothing; https://app.test/x?secret=*&b=* hung",
        r#"numDigits="many" of Gather is not a whole number"#,
        "key",
        r#"{"from":"phone","what":"key","ms":12}"#,
        "12 more lines were not kept",
    ] {
        assert_eq!(verdict(good), None);
    }
    for bad in [
        "token canary-of-the-layer-itself",
        "a call from +15551234534",
        "fetching https://user:pw@app.test/",
        "fetching https://app.test/?a=b",
        "redirected to /next?a=b&c=d",
        "INVITE sip:bob:pw@192.0.2.7",
        "Digits=4",
        "digit 5",
        r#"{"what":"key #"}"#,
        r#"sendDigits="12x" of Number"#,
    ] {
        assert!(verdict(bad).is_some(), "{bad} is passed over");
    }
}

/// Says too much on purpose, to a subscriber that keeps its findings for itself.
#[test]
fn a_secret_in_a_line_a_field_or_a_span_is_found() {
    secrets::plant("canary-in-an-isolated-log");
    let found = std::sync::Arc::new(Mutex::new(Vec::new()));
    let keep = found.clone();
    let watch = Watch(move |target: &str, text: &str| {
        keep.lock().unwrap().extend(verdict(text).map(|_| target.to_owned()));
    });
    tracing::subscriber::with_default(tracing_subscriber::registry().with(watch), || {
        tracing::warn!("nothing to be seen");
        tracing::warn!(target: "chorus::one", "the token is canary-in-an-isolated-log");
        tracing::trace!(target: "chorus::two", what = "canary-in-an-isolated-log", "");
        tracing::info_span!(target: "chorus::three", "call", token = "canary-in-an-isolated-log");
        tracing::info!(target: "chorus::four", digit = 7, "");
    });
    assert_eq!(*found.lock().unwrap(), ["chorus::one", "chorus::two", "chorus::three", "chorus::four"]);
}

/// The whole way: this suite, run with one test that leaks, fails although the test passes.
#[test]
fn a_leak_fails_the_run() {
    const LEAK: &str = "CHORUS_SUITE_LEAKS";
    if std::env::var_os(LEAK).is_some() {
        secrets::plant("canary-of-a-run-that-leaks");
        tracing::info!("the password is canary-of-a-run-that-leaks");
        return;
    }
    let run = |leaks: bool| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        // The inner run of the harmless kind is another test of this file.
        let name = if leaks { "a_leak_fails_the_run" } else { "the_eyes_see" };
        command.args(["--exact", &format!("security::layer::{name}")]);
        if leaks {
            command.env(LEAK, "1");
        }
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, text) = run(true);
    assert!(text.contains("1 passed") && text.contains("FAILED: 1 lines"), "{text}");
    assert_eq!(code, Some(101), "{text}");
    let (code, text) = run(false);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn no_other_subscriber_was_first() {
    let before = seen();
    tracing::info!("a line of this test");
    assert!(seen() > before, "another subscriber was installed before the watching one");
}
