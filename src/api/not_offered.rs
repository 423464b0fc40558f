//! Parameters of features that are not there yet: known, checked, and refused by name, never taken and ignored
//! (ruling 2.14). This table may only shrink.

use super::params::Value;
use super::refusal::Refusal;
use crate::webhooks::request::Method;

/// One of them.
#[derive(Copy, Clone, Debug)]
pub struct NotOffered {
    /// Operations it belongs to, by the beginning of their id.
    pub operation: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The value that asks for nothing (usually the default) and is let through.
    pub harmless: &'static str,
}

const fn row(operation: &'static str, name: &'static str, harmless: &'static str) -> NotOffered {
    NotOffered { operation, name, harmless }
}

/// All of them.
pub const NOT_OFFERED: &[NotOffered] = &[
    row("CreateCall", "MachineDetection", ""),
    row("CreateCall", "MachineDetectionTimeout", ""),
    row("CreateCall", "MachineDetectionSpeechThreshold", ""),
    row("CreateCall", "MachineDetectionSpeechEndThreshold", ""),
    row("CreateCall", "MachineDetectionSilenceTimeout", ""),
    row("CreateCall", "AsyncAmd", "false"),
    row("CreateCall", "AsyncAmdStatusCallback", ""),
    row("CreateCall", "AsyncAmdStatusCallbackMethod", ""),
    row("CreateCall", "Byoc", ""),
    row("CreateCall", "CallReason", ""),
    row("CreateCall", "CallToken", ""),
    row("CreateCall", "ClientNotificationUrl", ""),
    row("CreateCall", "Passports", ""),
    row("CreateCall", "RecordingConfigurationId", ""),
    row("CreateCallRecording", "RecordingConfigurationId", ""),
    row("FetchRecording", "IncludeSoftDeleted", "false"),
    row("ListRecording", "IncludeSoftDeleted", "false"),
    row("CreateIncomingPhoneNumber", "ApiVersion", "2010-04-01"),
    row("UpdateIncomingPhoneNumber", "ApiVersion", "2010-04-01"),
    row("CreateApplication", "ApiVersion", "2010-04-01"),
    row("UpdateApplication", "ApiVersion", "2010-04-01"),
    row("CreateIncomingPhoneNumber", "VoiceCallerIdLookup", "false"),
    row("UpdateIncomingPhoneNumber", "VoiceCallerIdLookup", "false"),
    row("CreateApplication", "VoiceCallerIdLookup", "false"),
    row("UpdateApplication", "VoiceCallerIdLookup", "false"),
    row("CreateIncomingPhoneNumber", "VoiceReceiveMode", "voice"),
    row("UpdateIncomingPhoneNumber", "VoiceReceiveMode", "voice"),
    row("CreateIncomingPhoneNumber", "EmergencyStatus", "Inactive"),
    row("UpdateIncomingPhoneNumber", "EmergencyStatus", "Inactive"),
    row("CreateIncomingPhoneNumber", "EmergencyAddressSid", ""),
    row("UpdateIncomingPhoneNumber", "EmergencyAddressSid", ""),
    row("CreateIncomingPhoneNumber", "IdentitySid", ""),
    row("UpdateIncomingPhoneNumber", "IdentitySid", ""),
    row("CreateIncomingPhoneNumber", "AddressSid", ""),
    row("UpdateIncomingPhoneNumber", "AddressSid", ""),
    row("CreateIncomingPhoneNumber", "BundleSid", ""),
    row("UpdateIncomingPhoneNumber", "BundleSid", ""),
    row("UpdateIncomingPhoneNumber", "AccountSid", ""),
    row("CreateSipDomain", "EmergencyCallingEnabled", "false"),
    row("UpdateSipDomain", "EmergencyCallingEnabled", "false"),
    row("CreateSipDomain", "EmergencyCallerSid", ""),
    row("UpdateSipDomain", "EmergencyCallerSid", ""),
    row("CreateSipDomain", "ByocTrunkSid", ""),
    row("UpdateSipDomain", "ByocTrunkSid", ""),
];

/// Is this parameter in the table for this operation?
pub fn find(operation: &str, name: &str) -> Option<&'static NotOffered> {
    NOT_OFFERED.iter().find(|n| n.name == name && operation.starts_with(n.operation))
}

/// Refuses a value that asks for what is not there.
pub fn check(operation: &str, name: &str, value: &Value) -> Result<(), Refusal> {
    let Some(row) = find(operation, name) else { return Ok(()) };
    let text = match value {
        Value::Text(t) => t.as_str(),
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Method(Method::Get) => "GET",
        Value::Method(Method::Post) => "POST",
        Value::Int(_) | Value::Words(_) | Value::Time(_) | Value::Pairs(_) | Value::List(_) => "...",
    };
    if text.is_empty() || text == row.harmless {
        return Ok(());
    }
    Err(Refusal::new(20001, format!("{name} is not offered yet. Leave it out.")))
}
