//! (s) `chorus check FILE.xml`: what the interpreter makes of a document.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use twiml::limits::BODY_MAX;
use twiml::{Content, Document, DocumentError, Element};

/// The file can be run.
const GOOD: i32 = 0;
/// The document has an error, or cannot be read.
const BAD: i32 = 1;

/// Prints the verbs with their attributes, the warnings, or the error of the file at `path`; the process' exit code:
/// 0 if the document can be run, 1 if not.
pub fn run(path: &Path) -> i32 {
    let (text, code) = match read(path) {
        Ok(bytes) => report(&path.display().to_string(), &bytes),
        Err(error) => (format!("{}: cannot be read: {error}\n", path.display()), BAD),
    };
    // A reader that went away (`| head`) is no fault of the document.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    code
}

/// No more than shows that a body is too large.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let limit = u64::try_from(BODY_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is printed about `bytes`, and the exit code.
pub fn report(name: &str, bytes: &[u8]) -> (String, i32) {
    match Document::read(bytes, Some("text/xml")) {
        Ok(Content::Document(document)) => (describe(name, &document), GOOD),
        Ok(Content::Text(_) | Content::Audio) => (format!("{name}: is no TwiML\n"), BAD),
        Err(error) => (explain(name, &error), BAD),
    }
}

fn describe(name: &str, document: &Document) -> String {
    let mut out = format!(
        "{name}: {}, {}\n",
        count(document.verbs.len(), "verb"),
        count(document.warnings.len(), "warning")
    );
    for (index, verb) in document.verbs.iter().enumerate() {
        let number = format!("{:>3} ", index.saturating_add(1));
        show(&verb.element(), &number, &mut out);
    }
    for warning in &document.warnings {
        let place = place(warning.line, warning.column);
        let _ = writeln!(out, "{name}{place}: warning {}: {}", warning.code, warning.words);
    }
    out
}

fn explain(name: &str, error: &DocumentError) -> String {
    format!("{name}{}: error {}: {}\n", place(error.line, error.column), error.code, error.words)
}

fn place(line: u32, column: u32) -> String {
    if line == 0 { String::new() } else { format!(":{line}:{column}") }
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// One line an element; values that the document did not give (or that equal the default) stand in brackets.
fn show(element: &Element, lead: &str, out: &mut String) {
    let _ = write!(out, "{lead}{}", element.name);
    for shown in &element.attributes {
        let (open, close) = if shown.default { ("[", "]") } else { ("", "") };
        let _ = write!(out, " {open}{}={:?}{close}", shown.name, shown.value);
    }
    if !element.text.is_empty() {
        let _ = write!(out, " {:?}", element.text);
    }
    out.push('\n');
    let deeper = format!("{}    ", " ".repeat(lead.chars().count()));
    for child in &element.children {
        show(child, &deeper, out);
    }
}
