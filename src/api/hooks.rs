//! URLs with their methods, as parameters come in and as properties go out.

use super::params::Params;
use crate::store::rows::Hook;
use crate::webhooks::request::Method;
use serde_json::{Map, Value, json};

/// A URL and its method from two parameters; POST unless said otherwise.
pub fn given(params: &Params, url: &str, method: &str) -> Option<Hook> {
    let url = params.owned(url)?;
    Some(Hook { url, method: params.method(method).unwrap_or_default() })
}

/// Twilio's word.
pub fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

/// A URL of a stored resource with its method. A method may be set before there is a URL: it waits in `other` under
/// the name of its property.
pub struct Slot<'a> {
    /// What is stored.
    pub hook: &'a mut Option<Hook>,
    /// Name of the URL's parameter.
    pub url: &'a str,
    /// Name of the method's parameter.
    pub method: &'a str,
    /// Name of the method's property.
    pub property: &'a str,
}

impl Slot<'_> {
    /// Takes over what was given; an empty URL clears it.
    pub fn apply(self, params: &Params, other: &mut Map<String, Value>) {
        let waiting = match other.get(self.property).and_then(Value::as_str) {
            Some("GET") => Method::Get,
            _ => Method::Post,
        };
        let before = self.hook.as_ref().map_or(waiting, |h| h.method);
        let method = params.method(self.method).unwrap_or(before);
        match params.field(self.url) {
            Some("") => *self.hook = None,
            Some(url) => *self.hook = Some(Hook { url: url.to_string(), method }),
            None => {
                if let Some(hook) = self.hook {
                    hook.method = method;
                }
            }
        }
        other.insert(self.property.to_string(), json!(word(method)));
    }
}

/// The URL of a property, or null.
pub fn url(hook: &Option<Hook>) -> Value {
    json!(hook.as_ref().map(|h| &h.url))
}

/// The method of a property: that of the hook, else the waiting one, else POST.
pub fn method(hook: &Option<Hook>, other: &Map<String, Value>, property: &str) -> Value {
    match hook {
        Some(hook) => json!(word(hook.method)),
        None => other.get(property).cloned().unwrap_or_else(|| json!("POST")),
    }
}

/// Parameters that are kept and shown and have no effect on voice: name of the parameter, name of the property.
pub type Kept = &'static [(&'static str, &'static str)];

/// Takes over kept parameters; an empty one clears.
pub fn keep(kept: Kept, params: &Params, other: &mut Map<String, Value>) {
    use super::params::Value as Given;
    for (param, property) in kept {
        let value = match params.get(param) {
            Some(Given::Text(t)) if t.is_empty() => Value::Null,
            Some(Given::Text(t)) => json!(t),
            Some(Given::Bool(b)) => json!(b),
            Some(Given::Method(m)) => json!(word(*m)),
            _ => continue,
        };
        other.insert((*property).to_string(), value);
    }
}
