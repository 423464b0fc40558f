//! The body of an operator's request: flat JSON or JSON:API (ruling 2.10), read by the same declarations as every form. A bad
//! attribute is 422 with a pointer to it.

use super::form::Fields;
use super::json::{self, Json};
use super::operation::Ctx;
use super::params::{Kind, Param, Params, Value};
use super::parse;
use super::refusal::Refusal;
use super::schema::Schema;

/// A refusal of the body: 422.
pub fn unprocessable(words: impl Into<String>) -> Refusal {
    Refusal::new(20422, words)
}

/// The checked attributes, and the names of those that shall be cleared (null, an empty list, an empty text).
#[derive(Debug, Default)]
pub struct Given {
    params: Params,
    cleared: Vec<&'static str>,
}

impl Given {
    /// Reads the body of a request by the declarations of its operation; `schema` names the type of the resource.
    ///
    /// # Errors
    /// 422, with the attribute where one is meant.
    pub fn of(ctx: &Ctx, schema: &Schema) -> Result<Given, Refusal> {
        let mut cleared = Vec::new();
        let table = ctx.operation.params;
        let fields = fields(table, attributes(&ctx.body, &schema.kind(), ctx.var("Sid"))?, &mut cleared)?;
        Ok(Given { params: checked(ctx.operation.id, table, &fields)?, cleared })
    }

    /// A text: None if it was not given, Some(None) if it shall be cleared.
    pub fn text(&self, name: &str) -> Option<Option<String>> {
        if self.cleared.contains(&name) {
            return Some(None);
        }
        self.params.field(name).map(|t| Some(t.to_owned()).filter(|t| !t.is_empty()))
    }

    /// A truth in the same way.
    pub fn flag(&self, name: &str) -> Option<Option<bool>> {
        match self.params.get(name) {
            Some(Value::Bool(truth)) => Some(Some(*truth)),
            _ => self.cleared.contains(&name).then_some(None),
        }
    }

    /// A number in the same way.
    pub fn number(&self, name: &str) -> Option<Option<i64>> {
        let given = self.params.int(name).map(Some);
        given.or_else(|| self.cleared.contains(&name).then_some(None))
    }

    /// A list; one that shall be cleared is empty.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        match self.params.get(name) {
            Some(Value::List(list)) => Some(list.clone()),
            _ => self.cleared.contains(&name).then(Vec::new),
        }
    }
}

/// Fields by their declarations; what is refused is unprocessable.
pub fn checked(operation: &str, table: &'static [Param], fields: &Fields) -> Result<Params, Refusal> {
    parse::parse(operation, &[table], fields).map_err(|r| Refusal { code: 20422, status: 422, ..r })
}

/// The members of a body that must be an object.
pub fn object(body: &[u8]) -> Result<Vec<(String, Json)>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(_) => Err(unprocessable("The body must be a JSON object.")),
        Err(e) => Err(unprocessable(format!("The body is not JSON: {e}."))),
    }
}

/// The attributes of a body in either form; `sid` is the resource of the path, empty where there is none yet.
fn attributes(body: &[u8], kind: &str, sid: &str) -> Result<Vec<(String, Json)>, Refusal> {
    let mut top = object(body)?;
    let Some(data) = json::take(&mut top, "data") else { return Ok(top) };
    let Json::Object(mut data) = data else {
        return Err(unprocessable("data must be an object.").about("/data"));
    };
    let of_kind = |given: &str| given == kind || given.strip_suffix('s') == Some(kind);
    match json::take(&mut data, "type") {
        None => {}
        Some(Json::Text(given)) if of_kind(&given) => {}
        Some(_) => return Err(unprocessable(format!("data.type must be {kind}.")).about("/data/type")),
    }
    match json::take(&mut data, "id") {
        Some(Json::Text(id)) if !sid.is_empty() && id != sid => {
            return Err(
                Refusal::new(20409, format!("data.id must be {sid}, as in the path.")).about("/data/id")
            );
        }
        _ => {}
    }
    match json::take(&mut data, "attributes") {
        Some(Json::Object(attributes)) => Ok(attributes),
        _ => Err(unprocessable("data.attributes must be an object.").about("/data/attributes")),
    }
}

/// JSON attributes as fields, so that the one parser reads them; every attribute must be declared.
fn fields(
    table: &'static [Param],
    attributes: Vec<(String, Json)>,
    cleared: &mut Vec<&'static str>,
) -> Result<Fields, Refusal> {
    let mut fields = Fields::new();
    for (name, value) in attributes {
        let Some(declared) = table.iter().find(|p| p.name == name) else {
            let pointer = format!("/data/attributes/{}", name.replace('~', "~0").replace('/', "~1"));
            let words = format!("{name} is not an attribute that is offered.");
            return Err(unprocessable(words).about(pointer));
        };
        let values = match value {
            Json::Null => Vec::new(),
            Json::List(items) if declared.kind.is_list() => items,
            other => vec![other],
        };
        if values.is_empty() {
            cleared.push(declared.name);
        }
        for value in values {
            fields.push((name.clone(), text(declared, value)?));
        }
    }
    Ok(fields)
}

/// A value as text: a number and a truth are taken as such where one is expected.
pub fn text(declared: &Param, value: Json) -> Result<String, Refusal> {
    match (value, declared.kind) {
        (Json::Text(text), _) => Ok(text),
        (Json::Number(number), Kind::Int(..) | Kind::Prefix | Kind::Prefixes) => Ok(number),
        (Json::Bool(truth), Kind::Bool) => Ok(truth.to_string()),
        (_, Kind::Int(..)) => {
            Err(unprocessable(format!("{} must be a number.", declared.name)).about(declared.name))
        }
        (_, Kind::Bool) => {
            Err(unprocessable(format!("{} must be true or false.", declared.name)).about(declared.name))
        }
        _ => Err(unprocessable(format!("{} must be text.", declared.name)).about(declared.name)),
    }
}
