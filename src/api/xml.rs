//! The XML form of an answer: the JSON record with PascalCase elements under `TwilioResponse`.

use serde_json::{Map, Value};

/// One record under its element.
pub fn record(element: &str, body: &Value) -> String {
    let mut out = open();
    node(&mut out, element, body);
    close(out)
}

/// A list: the paging keys are attributes of the list's element, the records its children.
pub fn list(key: &str, element: &str, body: &Map<String, Value>) -> String {
    let mut out = open();
    let name = pascal(key);
    out.push_str(&format!("<{name}"));
    for (attribute, value) in body.iter().filter(|(k, _)| *k != key) {
        let text = plain(value);
        out.push_str(&format!(" {}=\"{}\"", attribute.replace('_', ""), escape(&text)));
    }
    out.push('>');
    for item in body.get(key).and_then(Value::as_array).into_iter().flatten() {
        node(&mut out, element, item);
    }
    out.push_str(&format!("</{name}>"));
    close(out)
}

fn open() -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TwilioResponse>".to_string()
}

fn close(mut out: String) -> String {
    out.push_str("</TwilioResponse>");
    out
}

fn node(out: &mut String, name: &str, value: &Value) {
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                node(out, &pascal(key), value);
            }
        }
        Value::Array(items) => {
            for item in items {
                node(out, "Item", item);
            }
        }
        other => out.push_str(&escape(&plain(other))),
    }
    out.push_str(&format!("</{name}>"));
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `date_created` to `DateCreated`.
fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 knows no other control characters, not even escaped.
            c if c.is_control() && !matches!(c, '\t' | '\r' | '\n') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
