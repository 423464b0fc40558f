//! The account, its trunk and its number; what a test changes of them.

use super::{ACCOUNT, TOKEN, World};
use crate::security::secrets;
use chorus::call::tables::Tables;
use chorus::sid::{NumberSid, TrunkSid};
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{AccountRow, Hook, NumberRow, TrunkRow};
use chorus::store::snapshot::Snapshot as Rows;
use chorus::store::tx::{Backend, Op, Tx};
use chorus::switch::Input;
use std::sync::Arc;

impl World {
    /// One account, one trunk for every phone, the number +15550001 with /voice, /fallback and /status.
    pub(super) fn configure(&mut self) {
        let at = self.now.wall;
        secrets::plant(TOKEN);
        let account = AccountRow {
            sid: ACCOUNT,
            owner: ACCOUNT,
            friendly_name: "test".to_owned(),
            status: "active".to_owned(),
            held: false,
            auth_token: TOKEN.to_owned(),
            rules: Default::default(),
            revision: 0,
            created: at,
            updated: at,
        };
        let trunk = TrunkRow {
            sid: TrunkSid(0x71),
            name: "carrier".to_owned(),
            inbound_source_ips: vec!["10.0.1.0/24".to_owned()],
            outbound_host: Some("10.0.1.2:5060".to_owned()),
            transport: "udp".to_owned(),
            created: at,
            updated: at,
            ..TrunkRow::default()
        };
        let number = NumberRow {
            sid: NumberSid(0x91),
            account: ACCOUNT,
            number: "+15550001".to_owned(),
            friendly_name: String::new(),
            kind: "local".to_owned(),
            voice: Some(hook("/voice")),
            fallback: None,
            status_callback: Some(hook("/status")),
            application: None,
            trunk: None,
            other: serde_json::Map::new(),
            revision: 0,
            created: at,
            updated: at,
        };
        let ops = vec![
            Op::PutAccount(Box::new(account)),
            Op::PutTrunk(Box::new(trunk)),
            Op::PutNumber(Box::new(number)),
        ];
        self.store.apply(&[Tx { ops }]).into_iter().for_each(|r| r.unwrap());
        self.store.sync();
        self.reload();
    }

    /// Changes the number's row and gives the switch its new tables.
    pub fn number(&mut self, change: impl FnOnce(&mut NumberRow)) {
        let mut row = self.store.get::<NumberRow>(NumberSid(0x91)).unwrap().clone();
        change(&mut row);
        row.touch(row.updated);
        self.store.apply(&[Tx::one(Op::PutNumber(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    /// Changes what the account may do.
    pub fn rules(&mut self, change: impl FnOnce(&mut AccountRules)) {
        let mut row = self.store.get::<AccountRow>(ACCOUNT).unwrap().clone();
        change(&mut row.rules);
        row.touch(row.updated);
        self.store.apply(&[Tx::one(Op::PutAccount(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    pub fn trunk(&mut self, change: impl FnOnce(&mut TrunkRow)) {
        let mut row = self.store.get::<TrunkRow>(TrunkSid(0x71)).unwrap().clone();
        change(&mut row);
        self.store.apply(&[Tx::one(Op::PutTrunk(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    pub fn another_trunk(&mut self, row: TrunkRow) {
        self.store.apply(&[Tx::one(Op::PutTrunk(Box::new(row)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    /// Rows beside those of the account, its trunk and its number.
    pub fn put(&mut self, ops: Vec<Op>) {
        self.store.apply(&[Tx { ops }])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    /// The trunk's row is deleted.
    pub fn without_trunk(&mut self) {
        self.store.apply(&[Tx::one(Op::DeleteTrunk(TrunkSid(0x71)))])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    /// A SIP domain with its lists.
    pub fn domain(&mut self, rows: Rows) {
        let mut ops: Vec<Op> = rows.domains.into_iter().map(|r| Op::PutSipDomain(Box::new(r))).collect();
        ops.extend(rows.credentials.into_iter().map(|r| Op::PutCredential(Box::new(r))));
        ops.extend(rows.addresses.into_iter().map(|r| Op::PutIpAddress(Box::new(r))));
        ops.extend(rows.uses.into_iter().map(|r| Op::PutListUse(Box::new(r))));
        self.store.apply(&[Tx { ops }])[0].clone().unwrap();
        self.store.sync();
        self.reload();
    }

    pub(super) fn reload(&mut self) {
        let tables = Tables::of(Rows {
            trunks: self.store.all().cloned().collect(),
            numbers: self.store.all().cloned().collect(),
            applications: self.store.all().cloned().collect(),
            accounts: self.store.all().cloned().collect(),
            domains: self.store.all().cloned().collect(),
            credentials: self.store.all().cloned().collect(),
            addresses: self.store.all().cloned().collect(),
            uses: self.store.all().cloned().collect(),
            elastic: self.store.all().cloned().collect(),
            origination: self.store.all().cloned().collect(),
        });
        self.input(Input::Tables(Arc::new(tables)));
    }
}

pub fn hook(path: &str) -> Hook {
    Hook { url: secrets::url("app.test", path), method: chorus::webhooks::request::Method::Post }
}
