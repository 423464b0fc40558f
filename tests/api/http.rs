//! Requests as octets and answers as values, so that a test can send what no client would.

use crate::security::secrets;
use serde_json::Value;
use std::collections::BTreeMap;

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64_simd::STANDARD.encode_to_string(format!("{user}:{password}")))
}

pub fn form(fields: &[(&str, &str)]) -> String {
    let encode = chorus::api::form::encode;
    let parts: Vec<String> = fields.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
    parts.join("&")
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let authorization = headers.iter().find(|(name, _)| *name == "Authorization");
    secrets::plant_request(authorization.map(|(_, value)| *value), body);
    let mut out = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        out += &format!("{name}: {value}\r\n");
    }
    out += &format!("Content-Length: {}\r\n\r\n", body.len());
    [out.as_bytes(), body].concat()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(octets: &[u8]) -> Reply {
        let at = octets.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&octets[..at]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|l| l.split_once(':').unwrap())
            .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_string()))
            .collect();
        assert!(!headers.contains_key("transfer-encoding"), "answers have a length");
        secrets::plant_answer(&octets[at + 4..]);
        Reply { status, body: octets[at + 4..].to_vec(), headers }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The record of a 2xx.
    #[track_caller]
    pub fn good(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// A refusal in Twilio's form, with this status and code.
    #[track_caller]
    pub fn bad(&self, status: u16, code: u32) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
        body["message"].as_str().unwrap().to_string()
    }
}

impl Reply {
    /// The body for a message: audio only by its length.
    pub fn text_or_length(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_else(|_| format!("{} octets", self.body.len()))
    }
}
