//! `Parameter`: a name and a value that travel with another element.

use crate::declare::{LEAF, optional};
use crate::element::Element;
use crate::kind::Kind;
use crate::limits::{PARAMETER_MAX, PARAMETERS_MAX};
use crate::warning::{Reader, SCHEMA, cut};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use roxmltree::Node;

element! {
    /// A name and a value.
    Parameter = "Parameter", LEAF => {
        /// Its name.
        name: String = optional("name", Kind::Text, SCHEMA);
        /// Its value, as it is.
        value: String = optional("value", Kind::Raw, SCHEMA);
    }
}

/// The `Parameter` children of `node`, in their order.
pub(crate) fn read(node: Node<'_, '_>, reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for child in node.children().filter(|c| c.has_tag_name("Parameter")) {
        let Parameter { name, value } = Parameter::open(child, reader);
        let length = name.chars().count().saturating_add(value.chars().count());
        let why = match () {
            () if name.is_empty() => "has no name".into(),
            () if length > PARAMETER_MAX => {
                format!("\"{}\" is longer than {PARAMETER_MAX} characters", cut(&name))
            }
            () if parameters.len() >= PARAMETERS_MAX => format!("is one of more than {PARAMETERS_MAX}"),
            () => {
                parameters.push((name, value));
                continue;
            }
        };
        reader.warn(child.range().start, SCHEMA, format!("Parameter {why}; it is ignored"));
    }
    parameters
}

pub(crate) fn elements(parameters: &[(String, String)]) -> impl Iterator<Item = Element> + '_ {
    parameters.iter().map(|(name, value)| Parameter { name: name.clone(), value: value.clone() }.shell())
}
