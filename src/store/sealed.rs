//! Rows on their way into and out of a database: the clear half as JSON, the secret half encrypted for its row.

use super::crypt::{Key, Place};
use super::halves::Halves;
use super::sql::Found;
use super::table::{Parts, Record, Row, join};
use crate::rng::Rng;
use serde_json::{Map, Value as Json};

/// The column that holds what is encrypted.
const COLUMN: &str = "secret";

/// `body` and `secret` of a record. The error is a sentence for the log and holds nothing of the row.
pub fn seal(key: &Key, rng: &mut Rng, r: &Record) -> Result<(String, Option<String>), String> {
    let place = Place { table: r.table.name, sid: r.sid(), column: COLUMN };
    let bad = |why: &dyn std::fmt::Display| format!("a row of {} was not written: {why}", r.table.name);
    let Halves { body, secret } = r.row.halves().map_err(|e| bad(&e))?;
    let sealed = secret.map(|secret| key.seal(rng, place, &secret).map_err(|e| bad(&e)));
    Ok((body, sealed.transpose()?))
}

/// The row of `sid`, `body` and `secret`.
pub fn open<R: Row>(key: &Key, (sid, body, secret): &Found) -> Result<R, String> {
    // Words of serde may quote the value: they stay here.
    let bad = |why: &dyn std::fmt::Display| format!("row {sid} of {} cannot be read: {why}", R::TABLE.name);
    let unfit = "it does not have the shape of this version's rows";
    let body: Map<String, Json> = serde_json::from_str(body).map_err(|_| bad(&unfit))?;
    let secret = match secret {
        None => Map::new(),
        Some(sealed) => {
            let place = Place { table: R::TABLE.name, sid, column: COLUMN };
            let text = key.open(place, sealed).map_err(|e| bad(&e))?;
            serde_json::from_str(&text).map_err(|_| bad(&unfit))?
        }
    };
    join(Parts { body, secret }).map_err(|_| bad(&unfit))
}
