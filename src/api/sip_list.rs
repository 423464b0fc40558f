//! (s) What lists of users and lists of addresses have in common: their operations, which differ in rows, codes and words alone.

/// Index, create, show, update and destroy of a kind of list.
macro_rules! operations {
    (
        row: $row:ident, sid: $sid:ident, list: $list:ident,
        read: $one:path, $page:path, $key:literal,
        write: $put:ident, $delete:ident,
        most: $max:ident, $full:literal, $plural:literal,
        in_use: $used:literal
    ) => {
        /// GET: the lists of the account.
        pub async fn list(ctx: Ctx) -> Result<Outcome, Refusal> {
            let (scope, page) = (ctx.scope()?, super::page::wanted(&ctx.params)?);
            let asked = page.clone();
            let listed = ctx.read(move |r| $page(r, scope, &asked)).await?;
            let envelope =
                super::page::Envelope { key: $key, path: &ctx.path, filters: &ctx.filters, page: &page };
            Ok(Outcome::Page(envelope.body(&listed, show)))
        }

        /// The list that a variable of the path names, of this account.
        pub async fn find(ctx: &Ctx, variable: &str) -> Result<$row, Refusal> {
            let (scope, sid) = (ctx.scope()?, ctx.sid(variable, $sid::parse)?);
            ctx.read(move |r| $one(r, scope, sid)).await?.ok_or_else(|| ctx.not_found())
        }

        /// GET of one.
        pub async fn fetch(ctx: Ctx) -> Result<Outcome, Refusal> {
            Ok(Outcome::Record(show(&find(&ctx, "Sid").await?)))
        }

        /// POST: a new one.
        pub async fn create(ctx: Ctx) -> Result<Outcome, Refusal> {
            let scope = ctx.scope()?;
            let kind = crate::store::rows::ListKind::$list;
            if ctx.read(move |r| sip_lists::lists_reach(r, scope, kind, $max)).await? {
                let words = format!("An account has at most {} {}.", $max, $plural);
                return Err(Refusal::new($full, words));
            }
            let row = $row {
                sid: $sid::new(&mut super::rng()),
                account: ctx.account()?.sid,
                friendly_name: ctx.params.owned("FriendlyName").unwrap_or_default(),
                created: ctx.now,
                updated: ctx.now,
            };
            ctx.commit(Tx::one(Op::$put(Box::new(row.clone())))).await?;
            Ok(Outcome::Record(show(&row)))
        }

        /// POST to one: its name.
        pub async fn update(ctx: Ctx) -> Result<Outcome, Refusal> {
            let mut row = find(&ctx, "Sid").await?;
            if let Some(name) = ctx.params.text("FriendlyName") {
                row.friendly_name = name.to_string();
            }
            row.updated = ctx.now;
            ctx.commit(Tx::one(Op::$put(Box::new(row.clone())))).await?;
            Ok(Outcome::Record(show(&row)))
        }

        /// DELETE: with what is in it, unless a domain or a trunk uses it.
        pub async fn delete(ctx: Ctx) -> Result<Outcome, Refusal> {
            let row = find(&ctx, "Sid").await?;
            let list = ListSid::$list(row.sid);
            if ctx.read(move |r| crate::store::sip_domains::in_use(r, list)).await? {
                return Err(Refusal::plain($used));
            }
            ctx.commit_tables(Tx::one(Op::$delete(row.sid))).await?;
            Ok(Outcome::Empty)
        }
    };
}

pub(super) use operations;
