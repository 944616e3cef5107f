//! The accounts of all sections of the option file, which is read again while the program runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use common::failures::{Change, FailureLog};
use common::secret::Secret;
use common::sync::lock;

use super::data_source::{self, DATA_SOURCE};
use super::{Account, Address, DEFAULT_PORT, Tls};
use crate::args::{Args, CONFIG_FILE};
use crate::my_cnf::{self, MyCnf, OptionError};

/// Section whose gaps flags and environment fill, which is used where a request names none.
pub const CLIENT: &str = "client";

/// Variable with the password, where the option file has none.
pub const PASSWORD_VARIABLE: &str = "MYSQLD_EXPORTER_PASSWORD";

/// Gives the value of a variable.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What flags, environment and option file say of all accounts.
pub struct Accounts {
    /// `None` if there is no option file.
    path: Option<PathBuf>,
    may_be_missing: bool,
    /// Fills the gaps of `[client]` and of its children.
    client: Account,
    /// Fills the gaps of other sections.
    others: Account,
    environment: Environment,
    known: Mutex<Known>,
    failures: FailureLog,
}

/// What was read last.
#[derive(Default)]
struct Known {
    file: Arc<MyCnf>,
    /// How often something else was read than before.
    generation: u64,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Reads the option file. It may be missing unless `is_named`; an empty name means none.
    /// Where neither file nor user nor password is named, `DATA_SOURCE_NAME` will do instead.
    ///
    /// # Errors
    /// It cannot be read or is malformed, or no section is of use; a malformed data source name.
    pub fn read(args: &Args, is_named: bool, environment: Environment) -> anyhow::Result<Self> {
        let password = environment(PASSWORD_VARIABLE).unwrap_or_default();
        if password.ends_with(['\n', '\r']) {
            tracing::warn!("{PASSWORD_VARIABLE} ends in a line end, which is sent");
        }
        let tls = if args.skips_verification { Tls::unverified() } else { Tls::default() };
        let others = Account {
            address: Address::Tcp("127.0.0.1".into(), DEFAULT_PORT),
            user: String::new(),
            password: Secret::default(),
            allows_cleartext: false,
            tls,
        };
        let client = Account {
            address: args.address.clone(),
            user: args.username.clone(),
            password: Secret::new(password),
            ..others.clone()
        };
        let is_told_otherwise =
            is_named || !args.username.is_empty() || !client.password.expose().is_empty();
        let source = environment(DATA_SOURCE).filter(|source| !source.is_empty());
        let source = match source {
            Some(_) if is_told_otherwise => {
                tracing::warn!("{DATA_SOURCE} is ignored, because there is another account");
                None
            }
            Some(source) => Some(
                data_source::parse(&source, &others)
                    .map_err(|reason| anyhow::anyhow!("{DATA_SOURCE}: {reason}"))?,
            ),
            None => None,
        };
        // As mysqld_exporter did, which read its option file where there was no such variable.
        let has_file = source.is_none() && !args.config_file.is_empty();
        let path = has_file.then(|| PathBuf::from(&args.config_file));
        let client = source.unwrap_or(client);
        let known = Mutex::default();
        let failures = FailureLog::default();
        let may_be_missing = !is_named;
        let accounts = Self { path, may_be_missing, client, others, environment, known, failures };
        accounts.reload()?;
        Ok(accounts)
    }

    /// Reads the option file; what was known stays if that fails. False if there is none.
    ///
    /// # Errors
    /// It cannot be read or is malformed, or no section is of use.
    pub fn reload(&self) -> anyhow::Result<bool> {
        let Some(path) = &self.path else { return Ok(false) };
        let read = self.read_file(path);
        let file = read.with_context(|| format!("--{CONFIG_FILE}={}", path.display()))?;
        let mut known = lock(&self.known);
        if *known.file == file && known.generation > 0 {
            return Ok(true);
        }
        let file = Arc::new(file);
        known.file = Arc::clone(&file);
        known.generation += 1;
        drop(known);
        self.log_oddities(&file);
        Ok(true)
    }

    /// As [`Self::reload`], on a thread that may wait for a disk; a failure is logged.
    pub async fn read_again(self: &Arc<Self>) {
        if self.path.is_none() {
            return;
        }
        let this = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || this.reload()).await;
        let read = read.map_err(|_| "reading the option file has failed".to_owned());
        let read = read.and_then(|read| read.map_err(|error| format!("{error:#}")));
        if let (Change::New, Err(error)) = (self.failures.note(&read), &read) {
            tracing::warn!(error, "the option file that was read before is used");
        }
    }

    /// Changes whenever an account may have changed.
    pub fn generation(&self) -> u64 {
        lock(&self.known).generation
    }

    /// The account of a section, for the server at `address` if there is one.
    ///
    /// # Errors
    /// There is no such section, or it is malformed; the error names file, section and key.
    pub fn account(&self, section: &str, address: Option<&Address>) -> anyhow::Result<Account> {
        let file = Arc::clone(&lock(&self.known).file);
        let account = self.account_of(&file, section).with_context(|| match &self.path {
            Some(path) => format!("--{CONFIG_FILE}={}", path.display()),
            None => format!("--{CONFIG_FILE}"),
        })?;
        Ok(match address {
            Some(address) => Account { address: address.clone(), ..account },
            None => account,
        })
    }

    fn account_of(&self, file: &MyCnf, name: &str) -> anyhow::Result<Account> {
        let is_client = name == CLIENT || name.starts_with("client.");
        let fallback = if is_client { &self.client } else { &self.others };
        let Some(section) = file.section(name).filter(|_| name != my_cnf::DEFAULT) else {
            if name == CLIENT {
                return Ok(self.client.clone());
            }
            bail!("there is no section [{}]", common::error::excerpt(name));
        };
        let account = Account::from_section(&section, fallback)?;
        if account.user.is_empty() && name != CLIENT {
            bail!("[{}] has no user", common::error::excerpt(name));
        }
        Ok(account)
    }

    fn read_file(&self, path: &PathBuf) -> anyhow::Result<MyCnf> {
        let is_first = lock(&self.known).generation == 0;
        let file = match std::fs::read(path) {
            Ok(bytes) => my_cnf::parse(&decode(&bytes), &*self.environment)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_be_missing => {
                // Else it is being replaced, or its folder is gone for a while.
                if !is_first && *lock(&self.known).file != MyCnf::default() {
                    return Err(error).context("cannot be read");
                }
                if is_first {
                    tracing::info!(file = %path.display(), "no option file");
                }
                MyCnf::default()
            }
            Err(error) => return Err(error).context("cannot be read"),
        };
        let client = self.account_of(&file, CLIENT);
        let is_of_use = |name: &str| name != CLIENT && self.account_of(&file, name).is_ok();
        if client.is_err() && !file.names().any(is_of_use) {
            client?;
        }
        Ok(file)
    }

    /// Says what will not work, or not as the file's author may think.
    fn log_oddities(&self, file: &MyCnf) {
        if file.includes_others() {
            tracing::info!("the option files that !include names are not read");
        }
        for name in file.names() {
            match self.account_of(file, name) {
                Err(error) if error.is::<OptionError>() => {
                    tracing::warn!(error = %error, "a section of the option file is of no use");
                }
                // Such as those of the server's own programs.
                Err(error) => tracing::debug!(error = %error, "not an account"),
                Ok(_) => {
                    let keys = file.section(name).map(|section| Tls::unused(&section));
                    for key in keys.into_iter().flatten() {
                        tracing::warn!(section = name, key, "this key has no effect");
                    }
                }
            }
        }
    }
}

/// The text of an option file. Comments may be in any encoding: a value that is garbled is
/// refused where it is used.
fn decode(bytes: &[u8]) -> String {
    let units = |from: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
