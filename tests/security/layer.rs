//! The whole suite runs under a subscriber that reads every line of the log: a planted canary or an unmasked number, user info
//! or query value ends the process, so that no test can pass beside it.

use chorus::telemetry::redact;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static CANARIES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SEEN: AtomicU64 = AtomicU64::new(0);

/// From now on no line may hold this.
pub fn plant(canary: &str) {
    assert!(canary.len() >= 8, "too short to be unique");
    CANARIES.lock().unwrap().push(canary.to_owned());
}

/// Lines that were read so far.
pub fn seen() -> u64 {
    SEEN.load(Ordering::Relaxed)
}

/// Why a line may not be written.
pub fn verdict(text: &str) -> Option<String> {
    let canaries = CANARIES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(canary) = canaries.iter().find(|c| text.contains(c.as_str())) {
        return Some(format!("the canary {canary} is in the log: {text}"));
    }
    // Figures and folders may be long; a plus or a URL says what it is.
    let tells = |word: &str| ["+", "://", "sip:"].iter().any(|mark| word.contains(mark));
    let shown = text.split_whitespace().find(|word| tells(word) && redact::line(word) != *word);
    shown.map(|word| format!("{word} is not masked in: {text}"))
}

struct Reading(String);

impl Visit for Reading {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Figures are no numbers of people.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_i64(&mut self, _: &Field, _: i64) {}
    fn record_u128(&mut self, _: &Field, _: u128) {}
}

struct Watch;

impl<S: tracing::Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        // Others speak at debug of what is theirs; the default filter never shows it.
        if !target.starts_with("chorus") && *event.metadata().level() > tracing::Level::INFO {
            return;
        }
        let mut text = Reading(String::new());
        event.record(&mut text);
        SEEN.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = verdict(&text.0) {
            eprintln!("\nA LINE OF THE LOG SHOWS TOO MUCH ({target}): {why}\n");
            std::process::exit(101);
        }
    }
}

/// libtest has no hook before the first test; the loader has.
extern "C" fn install() {
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Watch));
}

#[used]
#[unsafe(link_section = ".init_array")]
static INSTALL: extern "C" fn() = install;

#[test]
fn the_layer_reads_and_would_find() {
    plant("canary-of-the-layer-itself");
    assert!(verdict("all is well, CA00000000000000000000000000000001").is_none());
    assert!(verdict("token canary-of-the-layer-itself").is_some());
    assert!(verdict("a call from +15551234534").is_some());
    assert!(verdict("fetching https://user:pw@app.test/").is_some());
    assert!(verdict("fetching https://app.test/?a=b").is_some());
    let before = seen();
    tracing::info!("a line of this test");
    assert!(seen() > before, "another subscriber was installed before the watching one");
}
