//! The operator's numbers: which there are, of what type, and who may have them. Whose a number is stands in `numbers` alone, so that
//! the two cannot disagree.

use super::page::{Listed, Page};
use super::query::{Query, Scope};
use super::reader::Reader;
use super::table::{Row, Table, Unique, Value};
use super::tx::StoreError;
use crate::clock::Wall;
use crate::sid::NumberSid;
use serde::{Deserialize, Serialize};

/// A number of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryRow {
    /// SID, another than that of the IncomingPhoneNumber which an account makes of it.
    pub sid: NumberSid,
    /// E.164 with `+`, or the digits of a short code; unique.
    pub number: String,
    /// `local`, `mobile`, `toll_free`, `short_code`.
    pub kind: String,
    /// `public`: an account may claim it; `private`: the operator assigns it; `disabled`: nobody gets it.
    pub visibility: String,
    /// ISO 3166-1.
    pub iso_country_code: Option<String>,
    /// ISO 3166-2, state or region.
    pub iso_region_code: Option<String>,
    /// Area code of the North American plan.
    pub area_code: Option<String>,
    /// Town.
    pub locality: Option<String>,
    /// Rate center.
    pub rate_center: Option<String>,
    /// Local access and transport area.
    pub lata: Option<String>,
    /// Created.
    pub created: Wall,
    /// Changed.
    pub updated: Wall,
}

/// What a number is called in [`StoreError::Duplicate`] that the inventory has already.
pub const TAKEN: &str = "number of the inventory";

/// The table.
pub static INVENTORY: Table = Table {
    name: "inventory",
    columns: &["sid", "account", "created", "number", "kind", "visibility"],
    secrets: &[],
    unique: &[Unique { columns: &["number"], word: TAKEN }],
};

impl Row for InventoryRow {
    const TABLE: &'static Table = &INVENTORY;

    fn columns(&self) -> Vec<Value> {
        vec![
            Value::text(self.sid),
            Value::Text(None),
            Value::time(self.created),
            Value::text(&self.number),
            Value::text(&self.kind),
            Value::text(&self.visibility),
        ]
    }
}

/// Filters of the list.
#[derive(Clone, Debug, Default)]
pub struct InventoryFilter {
    /// Exactly this number.
    pub number: Option<String>,
    /// Of this type.
    pub kind: Option<String>,
    /// Of this visibility.
    pub visibility: Option<String>,
}

/// One number.
pub fn get(r: &mut Reader, sid: NumberSid) -> Result<Option<InventoryRow>, StoreError> {
    r.one(Query::new::<InventoryRow>(Scope::Operator).is("sid", Some(sid)))
}

/// The row of a number, as it is stored.
pub fn by_number(r: &mut Reader, number: &str) -> Result<Option<InventoryRow>, StoreError> {
    r.one(Query::new::<InventoryRow>(Scope::Operator).is("number", Some(number)))
}

/// Numbers, newest first.
pub fn list(r: &mut Reader, f: &InventoryFilter, page: &Page) -> Result<Listed<InventoryRow>, StoreError> {
    let q = Query::new::<InventoryRow>(Scope::Operator)
        .is("number", f.number.as_ref())
        .is("kind", f.kind.as_ref())
        .is("visibility", f.visibility.as_ref());
    r.page(q, page)
}
