//! (s) Which lists guard a door: the uses behind the mappings of SIP domains and the lists of `/v1/Trunks`. Their paths and their
//! records differ; what is read and written is this.

use super::operation::Ctx;
use super::refusal::Refusal;
use crate::sid::{AccountSid, CredentialListSid, IpAclSid};
use crate::store::page::{Listed, Page};
use crate::store::rows::{DoorSid, ListKind, ListSid, ListUseRow, Purpose};
use crate::store::tx::{Op, Tx};
use crate::store::{sip_domains, sip_lists};

/// What a path is about: lists of one kind, at a door, for a purpose.
#[derive(Copy, Clone, Debug)]
pub struct Place {
    /// Whose the door is.
    pub account: AccountSid,
    /// Which.
    pub door: DoorSid,
    /// What for.
    pub purpose: Purpose,
    /// Of users or of addresses.
    pub kind: ListKind,
}

/// A use with the name of its list.
pub struct Mapping {
    /// The use.
    pub row: ListUseRow,
    /// The name.
    pub name: String,
}

/// A SID that may be that of a list of this kind.
fn list_sid(kind: ListKind, text: &str) -> Option<ListSid> {
    match kind {
        ListKind::Credentials => CredentialListSid::parse(text).map(ListSid::Credentials),
        ListKind::Addresses => IpAclSid::parse(text).map(ListSid::Addresses),
    }
}

/// How a door says what guards it: `IP_ACL`, `CREDENTIAL_LIST`, both, or neither. `uses` may be those of other doors too.
pub fn auth_types(uses: &[ListUseRow], door: DoorSid) -> Vec<&'static str> {
    let kinds = [(ListKind::Addresses, "IP_ACL"), (ListKind::Credentials, "CREDENTIAL_LIST")];
    let guards = |kind: ListKind| uses.iter().any(|u| u.owner == door && u.list.kind() == kind);
    kinds.into_iter().filter(|(kind, _)| guards(*kind)).map(|(_, word)| word).collect()
}

/// What lets calls through these doors, in one question.
pub async fn guards(ctx: &Ctx, doors: Vec<DoorSid>) -> Result<Vec<ListUseRow>, Refusal> {
    let scope = ctx.scope()?;
    ctx.read(move |r| sip_domains::guards(r, scope, &doors)).await
}

/// A page of them, newest first.
pub async fn list(ctx: &Ctx, at: Place, page: &Page) -> Result<Listed<Mapping>, Refusal> {
    let (scope, asked) = (ctx.scope()?, page.clone());
    ctx.read(move |r| {
        let found = sip_domains::uses(r, scope, at.door, at.purpose, at.kind, &asked)?;
        let names = sip_lists::names(r, scope, at.kind, found.rows.iter().map(|u| u.list))?;
        // A list goes with its uses: one without a name went this moment.
        let named = |row: ListUseRow| names.get(&row.list).cloned().map(|name| Mapping { row, name });
        let rows = found.rows.into_iter().filter_map(named).collect();
        Ok(Listed { rows, next: found.next, previous: found.previous })
    })
    .await
}

/// The one whose list the path names as `Sid`.
pub async fn find(ctx: &Ctx, at: Place) -> Result<Mapping, Refusal> {
    let list = list_sid(at.kind, ctx.var("Sid")).ok_or_else(|| ctx.not_found())?;
    read(ctx, at, list).await?.1.ok_or_else(|| ctx.not_found())
}

/// The name of a list, if the account has it, and its use at the place, if it is used there.
async fn read(ctx: &Ctx, at: Place, list: ListSid) -> Result<(Option<String>, Option<Mapping>), Refusal> {
    let scope = ctx.scope()?;
    ctx.read(move |r| {
        let name = sip_lists::names(r, scope, at.kind, std::iter::once(list))?.remove(&list);
        let row = sip_domains::list_use(r, scope, at.door, at.purpose, list)?;
        let mapping = row.zip(name.clone()).map(|(row, name)| Mapping { row, name });
        Ok((name, mapping))
    })
    .await
}

/// Lets a list guard the place, which the parameter `name` names; one that does so already stays as it is. `unknown`: the account has no
/// such list.
pub async fn create(
    ctx: &Ctx,
    at: Place,
    name: &str,
    unknown: impl Fn() -> Refusal,
) -> Result<Mapping, Refusal> {
    let list = ctx.params.text(name).and_then(|text| list_sid(at.kind, text)).ok_or_else(&unknown)?;
    let mapping = match read(ctx, at, list).await? {
        (_, Some(there)) => return Ok(there),
        (None, None) => return Err(unknown()),
        (Some(name), None) => {
            let Place { account, door: owner, purpose, .. } = at;
            Mapping { row: ListUseRow { account, owner, purpose, list, created: ctx.now }, name }
        }
    };
    ctx.commit_tables(Tx::one(Op::PutListUse(Box::new(mapping.row.clone())))).await?;
    Ok(mapping)
}

/// The list guards it no longer; the list itself stays.
pub async fn delete(ctx: &Ctx, at: Place) -> Result<(), Refusal> {
    let row = find(ctx, at).await?.row;
    ctx.commit_tables(Tx::one(Op::DeleteListUse(row.owner, row.purpose, row.list))).await
}
