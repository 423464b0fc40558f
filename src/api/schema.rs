//! What an answer looks like: the properties of each record as a const table, from which openapi.yaml is made and
//! against which tests hold every answer.

/// The type of a property.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// SID with this prefix.
    Sid(&'static str),
    /// Whole number.
    Int,
    /// Number with a fraction.
    Number,
    /// Truth.
    Bool,
    /// RFC 2822, UTC.
    Date,
    /// ISO 8601 to the second, UTC: the form of v1.
    Instant,
    /// Absolute URL.
    Url,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Names to paths or truths.
    Map,
    /// A list of texts.
    Texts,
    /// A list of records of our own.
    Records(&'static Schema),
    /// Anything; null until a feature fills it.
    Any,
}

/// One property of a record.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Prop {
    /// Name in the JSON.
    pub name: &'static str,
    /// Type.
    pub kind: Type,
    /// It may be null.
    pub nullable: bool,
}

/// A property that is never null.
pub const fn always(name: &'static str, kind: Type) -> Prop {
    Prop { name, kind, nullable: false }
}

/// A property that may be null.
pub const fn maybe(name: &'static str, kind: Type) -> Prop {
    Prop { name, kind, nullable: true }
}

/// A record.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Twilio's name of the schema, as in its OpenAPI document; our own for our own.
    pub name: &'static str,
    /// Element of the XML form.
    pub element: &'static str,
    /// All properties, in Twilio's order.
    pub props: &'static [Prop],
}

impl Schema {
    /// `type` of a JSON:API resource: of `carrier.v1.sip_trunk`, and of what is shown when one is `created`, it is `sip_trunk`.
    pub fn kind(&self) -> String {
        self.name.trim_start_matches("carrier.v1.").trim_end_matches(".created").replace('.', "_")
    }
}

/// `GET`, `POST`.
pub const METHODS: &[&str] = &["GET", "POST"];
