//! (s) The demo as a client of the REST API.

use crate::first_start::Credentials;
use serde_json::Value;

/// Speaks to one server as its first account and as its operator.
pub struct Rest {
    http: reqwest::Client,
    /// Origin.
    pub base: String,
    credentials: Credentials,
}

impl Rest {
    /// A client.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(base: String, credentials: Credentials) -> Result<Rest, String> {
        let tls = crate::webhooks::tls::client_config(None)?;
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build();
        Ok(Rest { http: http.map_err(|e| e.to_string())?, base, credentials })
    }

    fn account(&self, path: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}{path}", self.base, self.credentials.account)
    }

    async fn done(&self, request: reqwest::RequestBuilder, what: &str) -> Result<bytes::Bytes, String> {
        let failed = |e: reqwest::Error| format!("{what}: {e}");
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = response.bytes().await.map_err(failed)?;
        match status.is_success() {
            true => Ok(body),
            false => Err(format!("{what}: {status}: {}", String::from_utf8_lossy(&body))),
        }
    }

    /// A trunk from these addresses.
    ///
    /// # Errors
    /// What the server said.
    pub async fn make_trunk(&self, name: &str, source: &str) -> Result<(), String> {
        let body = serde_json::json!({ "name": name, "authentication_mode": "ip_address", "inbound_source_ips": [source] });
        let request = self
            .http
            .post(format!("{}/carrier/v1/sip_trunks", self.base))
            .bearer_auth(&self.credentials.carrier_token)
            .header("Content-Type", "application/json")
            .body(body.to_string());
        self.done(request, "POST /carrier/v1/sip_trunks").await.map(drop)
    }

    /// POST of a form below the account.
    ///
    /// # Errors
    /// What the server said.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, String> {
        let body = serde_urlencoded::to_string(form).map_err(|e| e.to_string())?;
        let request = self
            .http
            .post(self.account(path))
            .basic_auth(self.credentials.account, Some(&self.credentials.auth_token))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        let body = self.done(request, path).await?;
        serde_json::from_slice(&body).map_err(|e| format!("{path}: {e}"))
    }

    /// GET below the account.
    ///
    /// # Errors
    /// What the server said.
    pub async fn get(&self, path: &str) -> Result<bytes::Bytes, String> {
        let request = self
            .http
            .get(self.account(path))
            .basic_auth(self.credentials.account, Some(&self.credentials.auth_token));
        self.done(request, path).await
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// What the server said.
    pub async fn json(&self, path: &str) -> Result<Value, String> {
        serde_json::from_slice(&self.get(path).await?).map_err(|e| format!("{path}: {e}"))
    }
}
