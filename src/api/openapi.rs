//! `openapi.yaml`, made from the route table and the parameter and property tables: no route without an operation, nor
//! the reverse. Each operation carries a curl line that works.

use super::operation::{Access, Operation, Shape, Verb};
use super::params::{Kind, PAIRS_MAX, Param, TWIML_MAX, URL_MAX};
use super::parse::expectation;
use super::router::ROUTES;
use super::schema::{Prop, Schema, Type};
use serde_json::{Value, json};
use utoipa::openapi as o;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, SchemaType};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

/// The path of an operation as clients write it: with `.json`, and with Twilio's names of variables.
pub fn path(operation: &Operation) -> String {
    let path = match operation.path {
        "/2010-04-01/Accounts/{AccountSid}" => "/2010-04-01/Accounts/{Sid}",
        other => other,
    };
    match operation.shape {
        Shape::Media => path.to_string(),
        _ if path.starts_with("/2010-04-01") => format!("{path}.json"),
        _ => path.to_string(),
    }
}

fn typed(kind: o::Type, nullable: bool) -> SchemaType {
    if nullable { SchemaType::from_iter([kind, o::Type::Null]) } else { kind.into() }
}

fn object(kind: o::Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn property(prop: &Prop) -> o::RefOr<o::Schema> {
    let of = |kind| ObjectBuilder::new().schema_type(typed(kind, prop.nullable));
    match prop.kind {
        Type::Text => of(o::Type::String).into(),
        Type::Sid(prefix) => of(o::Type::String).pattern(Some(sid_pattern(prefix))).into(),
        Type::Int => of(o::Type::Integer).into(),
        Type::Number => of(o::Type::Number).into(),
        Type::Bool => of(o::Type::Boolean).into(),
        Type::Date => {
            of(o::Type::String).format(Some(SchemaFormat::Custom("date-time-rfc-2822".into()))).into()
        }
        Type::Instant => of(o::Type::String).format(Some(SchemaFormat::Custom("date-time".into()))).into(),
        Type::Url => of(o::Type::String).format(Some(SchemaFormat::Custom("uri".into()))).into(),
        Type::OneOf(words) => {
            let null = prop.nullable.then_some(Value::Null);
            of(o::Type::String).enum_values(Some(words.iter().map(|w| json!(w)).chain(null))).into()
        }
        Type::Map => of(o::Type::Object).into(),
        Type::Texts => ArrayBuilder::new().items(object(o::Type::String)).into(),
        Type::Records(schema) => ArrayBuilder::new().items(o::Ref::from_schema_name(schema.name)).into(),
        Type::Any => ObjectBuilder::new().schema_type(SchemaType::AnyValue).into(),
    }
}

fn sid_pattern(prefix: &str) -> String {
    format!("^{prefix}[0-9a-fA-F]{{32}}$")
}

/// The schema of a parameter.
fn value(param: &Param) -> o::RefOr<o::Schema> {
    let text = || object(o::Type::String).description(Some(param.words));
    let example = |b: ObjectBuilder| match param.example {
        // A SID of the reader's own is a shell variable in the curl line, and no example.
        "" => b,
        own if own.starts_with('$') => b,
        example => b.examples([json!(example)]),
    };
    match param.kind {
        Kind::Int(min, max) => {
            let number = object(o::Type::Integer).description(Some(param.words)).minimum(Some(min as f64));
            if max == i64::MAX { number.into() } else { number.maximum(Some(max as f64)).into() }
        }
        Kind::PageSize => object(o::Type::Integer).description(Some(param.words)).minimum(Some(1.0)).into(),
        Kind::Bool => object(o::Type::Boolean).description(Some(param.words)).into(),
        Kind::OneOf(words) => example(text().enum_values(Some(words.iter().copied()))).into(),
        Kind::Method => text().enum_values(Some(["GET", "POST"])).into(),
        Kind::Words(words) | Kind::Order(words) => ArrayBuilder::new()
            .description(Some(param.words))
            .items(object(o::Type::String).enum_values(Some(words.iter().copied())))
            .into(),
        Kind::Cidrs | Kind::Prefixes | Kind::Names | Kind::Fingerprints => {
            ArrayBuilder::new().description(Some(param.words)).items(object(o::Type::String)).into()
        }
        Kind::Url | Kind::TwimlUrl | Kind::StreamUrl => {
            let uri = SchemaFormat::Custom("uri".into());
            example(text().format(Some(uri)).max_length(Some(URL_MAX))).into()
        }
        Kind::Sid(prefix) => example(text().pattern(Some(sid_pattern(prefix)))).into(),
        Kind::Twiml => example(text().max_length(Some(TWIML_MAX))).into(),
        Kind::Text(max) | Kind::Token(max) => example(text().max_length(Some(max))).into(),
        Kind::Pairs => text().additional_properties(Some(object(o::Type::String))).into(),
        _ => example(text()).into(),
    }
}

/// The names under which a parameter is written: one, or two for each number.
fn names(param: &Param) -> Vec<String> {
    match param.kind {
        Kind::Pairs => (1..=PAIRS_MAX)
            .flat_map(|n| [format!("{}{n}.Name", param.name), format!("{}{n}.Value", param.name)])
            .collect(),
        _ => vec![param.name.to_string()],
    }
}

fn form(operation: &Operation) -> o::request_body::RequestBody {
    let mut fields = ObjectBuilder::new();
    for param in operation.params {
        for name in names(param) {
            let shape = if param.kind == Kind::Pairs {
                object(o::Type::String).description(Some(expectation(param.kind))).into()
            } else {
                value(param)
            };
            fields = fields.property(name, shape);
        }
        if param.required.is_some() {
            fields = fields.required(param.name);
        }
    }
    let kind = match operation.shape {
        shape if shape.takes_json() => "application/json",
        _ => "application/x-www-form-urlencoded",
    };
    let content = o::ContentBuilder::new().schema(Some(fields)).build();
    o::request_body::RequestBodyBuilder::new().content(kind, content).build()
}

fn list(key: &str, schema: &Schema) -> ObjectBuilder {
    let uri = |nullable| ObjectBuilder::new().schema_type(typed(o::Type::String, nullable));
    let items = ArrayBuilder::new().items(o::Ref::from_schema_name(schema.name));
    let mut body = ObjectBuilder::new().property(key, items).required(key);
    for name in ["end", "page", "page_size", "start"] {
        body = body.property(name, object(o::Type::Integer)).required(name);
    }
    for (name, nullable) in
        [("first_page_uri", false), ("next_page_uri", true), ("previous_page_uri", true), ("uri", false)]
    {
        body = body.property(name, uri(nullable)).required(name);
    }
    body
}

/// Of the id of a JSON:API resource.
fn prefix(kind: &str) -> &'static str {
    match kind {
        "account" => "AC",
        "phone_number" => "PN",
        "call" => "CA",
        "call_event" => "EV",
        _ => "TK",
    }
}

fn meta_list(key: &str, schema: &Schema) -> ObjectBuilder {
    let mut meta = ObjectBuilder::new().property("key", object(o::Type::String));
    for name in ["page", "page_size"] {
        meta = meta.property(name, object(o::Type::Integer));
    }
    for (name, nullable) in
        [("first_page_url", false), ("next_page_url", true), ("previous_page_url", true), ("url", false)]
    {
        meta = meta.property(name, ObjectBuilder::new().schema_type(typed(o::Type::String, nullable)));
    }
    let items = ArrayBuilder::new().items(o::Ref::from_schema_name(schema.name));
    ObjectBuilder::new().property(key, items).required(key).property("meta", meta).required("meta")
}

fn resource(schema: &Schema) -> ObjectBuilder {
    ObjectBuilder::new()
        .property("id", object(o::Type::String).pattern(Some(sid_pattern(prefix(&schema.kind())))))
        .property("type", object(o::Type::String).enum_values(Some([schema.kind()])))
        .property("attributes", o::Ref::from_schema_name(schema.name))
}

fn good(operation: &Operation) -> o::Response {
    let with = |kind: &str, schema: o::RefOr<o::Schema>| {
        let content = o::ContentBuilder::new().schema(Some(schema)).build();
        o::ResponseBuilder::new().description(operation.words).content(kind, content).build()
    };
    match operation.shape {
        Shape::Record(schema) | Shape::Json(schema) => {
            with("application/json", o::Ref::from_schema_name(schema.name).into())
        }
        Shape::List(key, schema) => with("application/json", list(key, schema).into()),
        Shape::MetaList(key, schema) => with("application/json", meta_list(key, schema).into()),
        Shape::Carrier(schema) => {
            with("application/vnd.api+json", ObjectBuilder::new().property("data", resource(schema)).into())
        }
        Shape::CarrierList(schema) => {
            let data = ArrayBuilder::new().items(resource(schema));
            with("application/vnd.api+json", ObjectBuilder::new().property("data", data).into())
        }
        Shape::Media => with("audio/x-wav", object(o::Type::String).into()),
        Shape::Text => with("text/plain", object(o::Type::String).into()),
        Shape::Empty => o::ResponseBuilder::new().description("Deleted.").build(),
    }
}

fn bad() -> o::Response {
    let content = o::ContentBuilder::new().schema(Some(o::Ref::from_schema_name("error"))).build();
    let words = "A refusal with Twilio's code, a message, a link and the status.";
    o::ResponseBuilder::new().description(words).content("application/json", content).build()
}

fn operation(op: &Operation) -> o::path::Operation {
    let mut out = OperationBuilder::new()
        .operation_id(Some(op.id))
        .summary(Some(op.words))
        .response(op.status.to_string(), good(op))
        .response("default", bad())
        .extensions(Some(o::extensions::ExtensionsBuilder::new().add("x-curl", curl(op)).build()));
    for name in path(op).split('/').filter_map(|w| w.strip_prefix('{')) {
        let name = name.trim_end_matches(".json").trim_end_matches('}');
        let variable = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(o::Required::True)
            .schema(Some(object(o::Type::String)));
        out = out.parameter(variable);
    }
    match op.verb {
        Verb::Post | Verb::Patch => out = out.request_body(Some(form(op))),
        _ => {
            for param in op.tables().into_iter().flatten() {
                let query = ParameterBuilder::new()
                    .name(param.name)
                    .parameter_in(ParameterIn::Query)
                    .description(Some(param.words))
                    .schema(Some(value(param)));
                out = out.parameter(query);
            }
        }
    }
    match op.access {
        Access::Open => {}
        Access::Carrier => out = out.security(SecurityRequirement::new("carrier", Vec::<String>::new())),
        _ => out = out.security(SecurityRequirement::new("account", Vec::<String>::new())),
    }
    out.build()
}

/// The shell variable that stands for a variable of a path.
pub fn shell(before: &str) -> &'static str {
    match before {
        "Accounts" | "accounts" => "$ACCOUNT_SID",
        "Keys" => "$KEY_SID",
        "Calls" | "calls" => "$CALL_SID",
        "Recordings" => "$RECORDING_SID",
        "Streams" => "$STREAM_SID",
        "Notifications" => "$NOTIFICATION_SID",
        "IncomingPhoneNumbers" | "phone_numbers" => "$NUMBER_SID",
        "Applications" => "$APPLICATION_SID",
        "OriginationUrls" => "$ORIGINATION_URL_SID",
        "PhoneNumbers" => "$NUMBER_SID",
        "CredentialLists" | "CredentialListMappings" => "$CREDENTIAL_LIST_SID",
        "Credentials" => "$CREDENTIAL_SID",
        "IpAccessControlLists" | "IpAccessControlListMappings" => "$IP_ACCESS_CONTROL_LIST_SID",
        "IpAddresses" => "$IP_ADDRESS_SID",
        "Domains" => "$DOMAIN_SID",
        _ => "$TRUNK_SID",
    }
}

/// A line for the shell: `$BASE`, `$ACCOUNT_SID`, `$AUTH_TOKEN`, `$CARRIER_TOKEN` and the SIDs come from the environment.
pub fn curl(op: &Operation) -> String {
    let mut words = Vec::new();
    let mut before = "";
    let path = path(op);
    for word in path.split('/') {
        let suffix = if word.ends_with(".json") { ".json" } else { "" };
        match word.starts_with('{') {
            true => words.push(format!("{}{suffix}", shell(before))),
            false => words.push(word.to_string()),
        }
        before = word;
    }
    let mut line = match op.access {
        Access::Open => "curl -sS".to_string(),
        Access::Carrier => "curl -sS -H \"Authorization: Bearer $CARRIER_TOKEN\"".to_string(),
        _ => "curl -sS -u \"$ACCOUNT_SID:$AUTH_TOKEN\"".to_string(),
    };
    match op.verb {
        Verb::Delete => line.push_str(" -X DELETE"),
        Verb::Patch => line.push_str(" -X PATCH"),
        Verb::Get | Verb::Post => {}
    }
    if matches!(op.shape, Shape::Media) {
        line.push_str(" -o recording.wav");
    }
    // What must stand in the query of a question.
    let asked = op.params.iter().filter(|p| op.verb == Verb::Get && p.required.is_some());
    let query: Vec<String> = asked.map(|p| format!("{}={}", p.name, p.example)).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    line.push_str(&format!(" \"$BASE{}{query}\"", words.join("/")));
    if op.verb.has_body() {
        line.push_str(&data(op));
    }
    line
}

fn data(op: &Operation) -> String {
    let examples = op.params.iter().filter(|p| !p.example.is_empty());
    if op.shape.takes_json() {
        let fields = examples.map(|p| match p.kind {
            kind if kind.is_list() => (p.name.to_string(), json!([p.example])),
            _ => (p.name.to_string(), json!(p.example)),
        });
        let body = Value::Object(fields.collect());
        return format!(" -H \"Content-Type: application/json\" -d '{body}'");
    }
    examples.map(|p| format!(" --data-urlencode \"{}={}\"", p.name, p.example)).collect()
}

fn schema(s: &Schema) -> ObjectBuilder {
    s.props.iter().fold(ObjectBuilder::new(), |b, p| b.property(p.name, property(p)).required(p.name))
}

fn components() -> o::Components {
    let error = ObjectBuilder::new()
        .property("code", object(o::Type::Integer))
        .property("message", object(o::Type::String))
        .property("more_info", object(o::Type::String))
        .property("status", object(o::Type::Integer));
    let mut out = o::ComponentsBuilder::new()
        .security_scheme("account", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)))
        .security_scheme("carrier", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .schema("error", error);
    for op in ROUTES {
        if let Shape::Record(s)
        | Shape::List(_, s)
        | Shape::MetaList(_, s)
        | Shape::Carrier(s)
        | Shape::Json(s)
        | Shape::CarrierList(s) = op.shape
        {
            out = out.schema(s.name, schema(s));
            for inner in
                s.props.iter().filter_map(|p| if let Type::Records(r) = p.kind { Some(r) } else { None })
            {
                out = out.schema(inner.name, schema(inner));
            }
        }
    }
    out.build()
}

/// The whole document.
pub fn document() -> o::OpenApi {
    let mut paths = o::Paths::new();
    for op in ROUTES {
        let verb = match op.verb {
            Verb::Get => o::HttpMethod::Get,
            Verb::Post => o::HttpMethod::Post,
            Verb::Patch => o::HttpMethod::Patch,
            Verb::Delete => o::HttpMethod::Delete,
        };
        paths.add_path_operation(path(op), vec![verb], operation(op));
    }
    let info = o::InfoBuilder::new()
        .title("Chorus")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Twilio Programmable Voice, and the operator's API. Made from the route table; do not edit.",
        ))
        .license(Some(o::License::new("Apache-2.0")))
        .build();
    o::OpenApiBuilder::new().info(info).paths(paths).components(Some(components())).build()
}

/// The text of `openapi.yaml`.
pub fn yaml() -> Result<String, String> {
    document().to_yaml().map_err(|e| e.to_string())
}
