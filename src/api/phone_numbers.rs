//! (s) `/carrier/v1/phone_numbers`: the inventory. A number of it that is public may be claimed by an account (IncomingPhoneNumbers); the
//! operator gives it to one, or takes it back, by `account_sid`.

use super::carrier;
use super::carrier_body::{Given, unprocessable};
use super::number_rows::{fresh, give, toll_free};
use super::operation::{Ctx, Outcome};
use super::page::wanted;
use super::params::{Kind, Param, param};
use super::parse;
use super::refusal::Refusal;
use super::schema::{Prop, Schema, Type, always, maybe};
use crate::sid::{AccountSid, NumberSid};
use crate::store::inventory::{self, InventoryFilter, InventoryRow};
use crate::store::numbers;
use crate::store::query::Scope;
use crate::store::rows::NumberRow;
use crate::store::tx::{Op, Tx};
use crate::trunk::countries;
use serde_json::{Value, json};

/// Types of numbers.
pub const TYPES: &[&str] = &["local", "mobile", "toll_free", "short_code"];
/// Who may have a number.
pub const VISIBILITIES: &[&str] = &["public", "private", "disabled"];
/// Digits of a short code.
const SHORT: std::ops::RangeInclusive<usize> = 3..=6;

macro_rules! fields {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            param("visibility", Kind::OneOf(VISIBILITIES), "public: any account may claim it; private: only the operator gives it to one; disabled: nobody gets it. public by default."),
            param("account_sid", Kind::Sid("AC"), "The account that has it; null takes it back."),
            param("iso_country_code", Kind::Country, "Country; that of its calling code by default."),
            param("iso_region_code", Kind::Text(8), "State or region."),
            param("area_code", Kind::Text(8), "Area code of the North American plan; that of the number by default."),
            param("locality", Kind::Text(64), "Town."),
            param("rate_center", Kind::Text(64), "Rate center."),
            param("lata", Kind::Text(16), "Local access and transport area."),
        ]
    };
}

/// Attributes of create.
pub const CREATE: &[Param] = fields! {
    param("number", Kind::Token(32), "E.164, or the 3 to 6 digits of a short code.").required(20001).example("+15005550020"),
    param("type", Kind::OneOf(TYPES), "Type; by the number itself by default."),
};
/// Attributes of update: a number stays what it is.
pub const UPDATE: &[Param] = fields! {};

/// Filters of the list.
pub const FILTERS: &[Param] = &[
    param("number", Kind::Text(32), "Exactly this number, written as when it was made."),
    param("type", Kind::OneOf(TYPES), "Only numbers of this type."),
    param("visibility", Kind::OneOf(VISIBILITIES), "Only these."),
];

/// A number of the inventory.
pub const NUMBER: Schema = Schema { name: "carrier.v1.phone_number", element: "PhoneNumber", props: PROPS };

const PROPS: &[Prop] = &[
    always("number", Type::Text),
    always("type", Type::OneOf(TYPES)),
    always("visibility", Type::OneOf(VISIBILITIES)),
    maybe("account_sid", Type::Sid("AC")),
    maybe("incoming_phone_number_sid", Type::Sid("PN")),
    maybe("iso_country_code", Type::Text),
    maybe("iso_region_code", Type::Text),
    maybe("area_code", Type::Text),
    maybe("locality", Type::Text),
    maybe("rate_center", Type::Text),
    maybe("lata", Type::Text),
    always("created_at", Type::Text),
    always("updated_at", Type::Text),
];

fn show(row: &InventoryRow, held: Option<&NumberRow>) -> Value {
    let attributes = json!({
        "number": row.number,
        "type": row.kind,
        "visibility": row.visibility,
        "account_sid": held.map(|h| h.account),
        "incoming_phone_number_sid": held.map(|h| h.sid),
        "iso_country_code": row.iso_country_code,
        "iso_region_code": row.iso_region_code,
        "area_code": row.area_code,
        "locality": row.locality,
        "rate_center": row.rate_center,
        "lata": row.lata,
        "created_at": row.created.iso8601(),
        "updated_at": row.updated.iso8601(),
    });
    carrier::resource(&NUMBER, row.sid, attributes)
}

/// E.164, or a short code; the plus may be left out.
fn number(text: &str) -> Result<String, Refusal> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let read = match digits {
        true if SHORT.contains(&text.len()) => Some(text.to_owned()),
        true => parse::phone(&format!("+{text}")),
        false => parse::phone(text),
    };
    let words = "number: E.164, or the 3 to 6 digits of a short code, is expected.";
    read.ok_or_else(|| unprocessable(words).about("number"))
}

/// The same in a query.
fn filtered(text: &str) -> Result<String, Refusal> {
    number(text).map_err(|refusal| Refusal::new(20001, refusal.message).about("number"))
}

fn kind(number: &str, wanted: Option<String>) -> Result<String, Refusal> {
    let free = toll_free(number);
    let told = match free {
        _ if !number.starts_with('+') => "short_code",
        Some(true) => "toll_free",
        _ => "local",
    };
    let wanted = wanted.unwrap_or_else(|| told.to_owned());
    let fits = match (number.starts_with('+'), free) {
        (false, _) => wanted == "short_code",
        (true, Some(free)) => (wanted == "toll_free") == free && wanted != "short_code",
        (true, None) => wanted != "short_code",
    };
    if fits { Ok(wanted) } else { Err(unprocessable(format!("The number is {told}.")).about("type")) }
}

fn row_of(given: &Given, now: crate::clock::Wall) -> Result<InventoryRow, Refusal> {
    let number = number(&given.text("number").flatten().unwrap_or_default())?;
    let code = number.strip_prefix('+').and_then(countries::split);
    let country = code.and_then(|(code, _)| countries::plans(code).next()).map(|plan| plan.iso.to_owned());
    let area = code.filter(|(code, _)| *code == "1").and_then(|(_, rest)| rest.get(..3)).map(str::to_owned);
    Ok(InventoryRow {
        sid: NumberSid::new(&mut super::rng()),
        kind: kind(&number, given.text("type").flatten())?,
        number,
        visibility: "public".to_owned(),
        iso_country_code: country,
        iso_region_code: None,
        area_code: area,
        locality: None,
        rate_center: None,
        lata: None,
        created: now,
        updated: now,
    })
}

fn apply(given: &Given, row: &mut InventoryRow) {
    for (name, slot) in [
        ("iso_country_code", &mut row.iso_country_code),
        ("iso_region_code", &mut row.iso_region_code),
        ("area_code", &mut row.area_code),
        ("locality", &mut row.locality),
        ("rate_center", &mut row.rate_center),
        ("lata", &mut row.lata),
    ] {
        if let Some(value) = given.text(name) {
            *slot = value;
        }
    }
    if let Some(Some(visibility)) = given.text("visibility") {
        row.visibility = visibility;
    }
}

/// What `account_sid` does to the number.
enum Hand {
    /// Nothing.
    Stays(Option<NumberRow>),
    /// It is taken back.
    Taken(NumberRow),
    /// It is given, or moved to another account, where it begins without any settings of the one before.
    Given(NumberRow),
}

async fn assigned(
    ctx: &Ctx,
    given: &Given,
    row: &InventoryRow,
    held: Option<NumberRow>,
) -> Result<Hand, Refusal> {
    let wanted = match given.text("account_sid") {
        None => return Ok(Hand::Stays(held)),
        Some(None) => return Ok(held.map_or(Hand::Stays(None), Hand::Taken)),
        Some(Some(wanted)) => AccountSid::parse(&wanted),
    };
    let Some(account) = wanted.filter(|a| held.as_ref().is_none_or(|h| h.account != *a)) else {
        return Ok(Hand::Stays(held));
    };
    let owner = carrier::account(ctx, account, "account_sid").await?;
    if owner.status == "closed" {
        return Err(unprocessable("The account is closed.").about("account_sid"));
    }
    if row.visibility == "disabled" {
        let words = "A disabled number is given to nobody: make it private or public.";
        return Err(unprocessable(words).about("account_sid"));
    }
    let mut new = fresh(account, row.number.clone(), &row.kind, ctx.now);
    if let Some(held) = held {
        (new.sid, new.revision) = (held.sid, held.revision);
        new.touch(ctx.now);
    }
    Ok(Hand::Given(new))
}

/// Writes the number, and whose it is; who has it then.
async fn write(ctx: &Ctx, row: &InventoryRow, hand: Hand) -> Result<Option<NumberRow>, Refusal> {
    let put = Op::PutInventory(Box::new(row.clone()));
    let taken = |what| match what {
        inventory::TAKEN => unprocessable("The inventory has this number already.").about("number"),
        _ => Refusal::new(20409, "An account has claimed the number this moment: read it again."),
    };
    match hand {
        Hand::Stays(held) => ctx.commit_unique(Tx::one(put), taken).await.map(|()| held),
        Hand::Taken(held) => {
            let ops = vec![put, Op::DeleteNumber(held.sid, held.account)];
            ctx.commit_unique(Tx { ops }, taken).await.map(|()| None)
        }
        Hand::Given(new) => give(ctx, &new, &[put], taken).await.map(|()| Some(new)),
    }
}

/// POST /carrier/v1/phone_numbers. A number that an account has claimed before is its number still.
pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
    let given = Given::of(&ctx, &NUMBER)?;
    let mut row = row_of(&given, ctx.now)?;
    apply(&given, &mut row);
    let wanted = row.number.clone();
    let held = ctx.read(move |r| numbers::by_number(r, Scope::Operator, &wanted)).await?;
    let hand = assigned(&ctx, &given, &row, held).await?;
    let held = write(&ctx, &row, hand).await?;
    Ok(carrier::document(show(&row, held.as_ref())))
}

async fn find(ctx: &Ctx) -> Result<(InventoryRow, Option<NumberRow>), Refusal> {
    let sid = ctx.sid("Sid", NumberSid::parse)?;
    let found = ctx.read(move |r| {
        let Some(row) = inventory::get(r, sid)? else { return Ok(None) };
        let held = numbers::by_number(r, Scope::Operator, &row.number)?;
        Ok(Some((row, held)))
    });
    found.await?.ok_or_else(|| ctx.not_found())
}

/// GET /carrier/v1/phone_numbers/{Sid}.
pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (row, held) = find(&ctx).await?;
    Ok(carrier::document(show(&row, held.as_ref())))
}

/// GET /carrier/v1/phone_numbers.
pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
    let page = wanted(&ctx.params)?;
    let p = &ctx.params;
    let filter = InventoryFilter {
        number: p.text("number").map(filtered).transpose()?,
        kind: p.owned("type"),
        visibility: p.owned("visibility"),
    };
    let asked = page.clone();
    let (listed, held) = ctx
        .read(move |r| {
            let listed = inventory::list(r, &filter, &asked)?;
            let held = numbers::among(r, listed.rows.iter().map(|row| row.number.as_str()))?;
            Ok((listed, held))
        })
        .await?;
    let holder = |row: &InventoryRow| held.iter().find(|h| h.number == row.number);
    Ok(carrier::list(&ctx, &page, &listed, |row| show(row, holder(row))))
}

/// PATCH /carrier/v1/phone_numbers/{Sid}.
pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (mut row, held) = find(&ctx).await?;
    let given = Given::of(&ctx, &NUMBER)?;
    if given.text("visibility") == Some(None) {
        return Err(unprocessable("A number has a visibility.").about("visibility"));
    }
    apply(&given, &mut row);
    row.updated = ctx.now;
    let hand = assigned(&ctx, &given, &row, held).await?;
    let held = write(&ctx, &row, hand).await?;
    Ok(carrier::document(show(&row, held.as_ref())))
}

/// DELETE /carrier/v1/phone_numbers/{Sid}: not while an account has it.
pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
    let (row, held) = find(&ctx).await?;
    if let Some(held) = held {
        let words = format!("Account {} has it. Take it back first, with account_sid: null.", held.account);
        return Err(Refusal::new(20409, words));
    }
    ctx.commit(Tx::one(Op::DeleteInventory(row.sid))).await?;
    Ok(Outcome::Empty)
}
