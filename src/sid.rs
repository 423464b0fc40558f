//! Twilio's identifiers: two letters and 32 hexadecimal digits, as small `Copy` values that cannot be mixed up.

use crate::rng::Rng;
use std::fmt;

/// The two letters and the digits. A row has a dozen of them and is written several times in a call: `{:032x}` costs eight times as much.
fn written(prefix: &str, n: u128) -> [u8; 34] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut out = [b'0'; 34];
    for (to, letter) in out.iter_mut().zip(prefix.bytes()) {
        *to = letter;
    }
    for (pair, octet) in out.chunks_exact_mut(2).skip(1).zip(n.to_be_bytes()) {
        pair.copy_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
    out
}

macro_rules! sids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// The two letters before the digits.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh random one.
            pub fn new(rng: &mut Rng) -> $name {
                $name(rng.next_u128())
            }

            /// Reads exactly the prefix and 32 hexadecimal digits of either case.
            pub fn parse(s: &str) -> Option<$name> {
                let hex = s.strip_prefix($prefix)?;
                if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                u128::from_str_radix(hex, 16).ok().map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let octets = written($prefix, self.0);
                f.write_str(std::str::from_utf8(&octets).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let octets = written($prefix, self.0);
                s.serialize_str(std::str::from_utf8(&octets).map_err(serde::ser::Error::custom)?)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                let s = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                $name::parse(&s).ok_or_else(|| serde::de::Error::custom(concat!("not a ", $prefix, " SID")))
            }
        }
    )*};
}

sids! {
    /// An account.
    AccountSid = "AC";
    /// A call.
    CallSid = "CA";
    /// A recording.
    RecordingSid = "RE";
    /// A media stream.
    StreamSid = "MZ";
    /// An incoming phone number.
    NumberSid = "PN";
    /// A TwiML application.
    ApplicationSid = "AP";
    /// An API key.
    KeySid = "SK";
    /// A notification (a line of the account's debugger).
    NotificationSid = "NO";
    /// A report of an external switch.
    ReportSid = "EV";
    /// A SIP trunk of the operator.
    TrunkSid = "TK";
    /// A trunk of an account (Elastic SIP Trunking): Twilio's own kind of trunk, another thing than the operator's.
    ElasticTrunkSid = "TK";
    /// Where the numbers of such a trunk ring.
    OriginationUrlSid = "OU";
    /// A SIP domain.
    SipDomainSid = "SD";
    /// A list of SIP credentials.
    CredentialListSid = "CL";
    /// A SIP credential.
    CredentialSid = "CR";
    /// A list of addresses that may call.
    IpAclSid = "AL";
    /// An address of such a list.
    IpAddressSid = "IP";
}
