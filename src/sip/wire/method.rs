//! Request methods.

use std::fmt;

macro_rules! methods {
    ($($name:ident $text:literal $rfc:literal),* $(,)?) => {
        /// A request method. Compared with case, as RFC 3261 section 7.1 says.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = $rfc] $name,)*
            /// Any other token.
            Other(String),
        }

        impl Method {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$name => $text,)*
                    Method::Other(s) => s,
                }
            }
        }

        impl From<&str> for Method {
            fn from(s: &str) -> Method {
                match s {
                    $($text => Method::$name,)*
                    s => Method::Other(s.to_owned()),
                }
            }
        }
    };
}

methods! {
    Invite "INVITE" "RFC 3261",
    Ack "ACK" "RFC 3261",
    Bye "BYE" "RFC 3261",
    Cancel "CANCEL" "RFC 3261",
    Options "OPTIONS" "RFC 3261",
    Info "INFO" "RFC 6086",
    Update "UPDATE" "RFC 3311",
    Prack "PRACK" "RFC 3262",
    Register "REGISTER" "RFC 3261",
    Refer "REFER" "RFC 3515",
    Notify "NOTIFY" "RFC 6665",
    Subscribe "SUBSCRIBE" "RFC 6665",
    Message "MESSAGE" "RFC 3428",
    Publish "PUBLISH" "RFC 3903",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
