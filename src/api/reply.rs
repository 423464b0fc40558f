//! What a client gets: status, content type and text of an outcome, in JSON or XML (ruling 2.13).

use super::operation::{Operation, Outcome, Shape};
use super::refusal::{RETRY_AFTER_S, Refusal};
use super::xml;
use serde_json::{Value, json};

/// The form of an answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// `TwilioResponse`.
    Xml,
}

const JSON: &str = "application/json";
const JSON_API: &str = "application/vnd.api+json";
const XML: &str = "application/xml";
/// What Twilio's paths ask for, and what the operator's do (RFC 6750 section 3).
const BASIC: &str = "Basic realm=\"Twilio API\"";
const BEARER: &str = "Bearer realm=\"Chorus\"";

/// The suffix decides; without one Accept does: XML if it names XML and not JSON.
pub fn form(suffix: Option<&str>, accept: Option<&str>) -> Result<Form, Refusal> {
    match suffix {
        Some("json") => Ok(Form::Json),
        Some("xml") => Ok(Form::Xml),
        Some(other) => {
            Err(Refusal::new(20406, format!("The form .{other} is not offered here. Use .json or .xml.")))
        }
        None => {
            let accept = accept.unwrap_or_default();
            let xml = accept.contains("/xml") && !accept.contains("json");
            Ok(if xml { Form::Xml } else { Form::Json })
        }
    }
}

/// An answer before it becomes octets on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// HTTP status.
    pub status: u16,
    /// Content-Type; None: no body.
    pub kind: Option<&'static str>,
    /// Body.
    pub body: String,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u32>,
    /// It asks for credentials: `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
    /// Twilio's code of a refusal.
    pub code: Option<u32>,
    /// Octets of the whole, for the `Content-Range` of a 416.
    pub whole: Option<u64>,
}

fn text(status: u16, kind: &'static str, body: String) -> Text {
    Text { status, kind: Some(kind), body, retry_after: None, challenge: None, code: None, whole: None }
}

/// A good outcome; None if it is audio, which has no text.
pub fn good(operation: &Operation, form: Form, outcome: &Outcome) -> Option<Text> {
    let status = operation.status;
    Some(match (outcome, form, operation.shape) {
        (Outcome::Record(body), _, Shape::Carrier(_) | Shape::CarrierList(_)) => {
            text(status, JSON_API, body.to_string())
        }
        (Outcome::Record(body), Form::Xml, Shape::Record(schema)) => {
            text(status, XML, xml::record(schema.element, body))
        }
        (Outcome::Record(body), ..) => text(status, JSON, body.to_string()),
        (Outcome::Page(body), Form::Xml, Shape::List(key, schema)) => {
            text(status, XML, xml::list(key, schema.element, body))
        }
        (Outcome::Page(body), ..) => text(status, JSON, Value::Object(body.clone()).to_string()),
        (Outcome::Text(kind, body), ..) => text(status, kind, body.clone()),
        (Outcome::Empty, ..) => Text { kind: None, ..text(204, JSON, String::new()) },
        (Outcome::Media(_), ..) => return None,
    })
}

/// A refusal in the form of its route: classic, XML, or JSON:API under /carrier.
pub fn bad(carrier: bool, form: Form, refusal: &Refusal) -> Text {
    let mut out = match (carrier, form) {
        (true, _) => text(refusal.status, JSON_API, carrier_errors(refusal).to_string()),
        (false, Form::Xml) => text(refusal.status, XML, xml::record("RestException", &refusal.body())),
        (false, Form::Json) => text(refusal.status, JSON, refusal.body().to_string()),
    };
    out.retry_after = matches!(refusal.status, 429 | 503).then_some(RETRY_AFTER_S);
    let challenge = if carrier { BEARER } else { BASIC };
    out.challenge = (refusal.status == 401).then_some(challenge);
    out.code = Some(refusal.code);
    out.whole = refusal.whole;
    out
}

fn carrier_errors(refusal: &Refusal) -> Value {
    let mut error = json!({
        "status": refusal.status.to_string(),
        "code": refusal.code.to_string(),
        "title": crate::error::sentence(refusal.code),
        "detail": refusal.message,
    });
    if let (Some(pointer), Some(error)) = (refusal.pointer(), error.as_object_mut()) {
        error.insert("source".to_string(), json!({ "pointer": pointer }));
    }
    json!({ "errors": [error] })
}
