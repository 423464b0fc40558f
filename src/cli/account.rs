//! (s) `chorus account create`: an account beside the first. It writes into the database itself, so no server may run on it.

use crate::config::Config;
use crate::first_start;
use crate::server::now;
use crate::sid::AccountSid;
use crate::store::Store;
use crate::store::account_rules::AccountRules;
use crate::store::handle::Options;
use crate::store::rows::AccountRow;
use crate::store::tx::{Op, Tx};
use clap::Subcommand;
use std::path::Path;

/// Longest name.
const NAME_MAX: usize = 64;

/// What to do with accounts.
#[derive(Subcommand)]
pub enum Command {
    /// Makes an account and prints its AccountSid and AuthToken, once. The server must not run.
    Create {
        /// Its name.
        #[arg(long, default_value = "Account")]
        name: String,
    },
}

/// The exit code.
pub fn run(command: Command, config: Option<&Path>) -> i32 {
    let Command::Create { name } = command;
    crate::telemetry::log::start("error");
    super::block_on(create(name, config))
}

/// The database of the settings, if no server holds it. `make`: also if there is none yet.
///
/// # Errors
/// One sentence: who holds it, or what cannot be read.
pub async fn open(config: &Config, make: bool) -> Result<Store, String> {
    let dir = config.data_dir.clone();
    if !make && config.database_url.is_empty() && !dir.join("chorus.db").exists() {
        return Err(format!("there is no database in {}", dir.display()));
    }
    first_start::private_dir(&dir)?;
    let key = first_start::secret_key(config, &mut crate::api::rng())?;
    let url = config.store_url();
    let opened = tokio::task::spawn_blocking(move || Store::open(&url, &key, &Options { readers: 1 }));
    let (store, _) = opened.await.map_err(|e| e.to_string())?.map_err(|e| e.0)?;
    Ok(store)
}

async fn create(name: String, config: Option<&Path>) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(format!("--name: 1 to {NAME_MAX} characters"));
    }
    let config = Config::from_process(config)?;
    let store = open(&config, true).await?;
    let mut rng = crate::api::rng();
    let (sid, at) = (AccountSid::new(&mut rng), now().wall);
    let row = AccountRow {
        sid,
        owner: sid,
        friendly_name: name,
        status: "active".to_owned(),
        held: false,
        auth_token: rng.hex(32),
        rules: AccountRules::of_new(),
        revision: 0,
        created: at,
        updated: at,
    };
    let written = store.commit(Tx::one(Op::PutAccount(Box::new(row.clone())))).await;
    let closing = store.clone();
    let _ = tokio::task::spawn_blocking(move || closing.close()).await;
    written.map_err(|e| format!("the account could not be written: {e}"))?;
    println!("AccountSid  {}\nAuthToken   {}", row.sid, row.auth_token);
    Ok(())
}
