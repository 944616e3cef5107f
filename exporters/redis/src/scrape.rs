//! The source of all collectors: one scrape's view of the server.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use common::collector::Guarded;
use common::error::{CollectError, ParseError, Partial};
use common::failures::OddityLog;
use redis::{Cmd, ErrorKind, RedisError, Value, cmd};
use tokio::sync::OnceCell;

use crate::holders::{Holder, Holders};
use crate::keys::KeyChecks;
use crate::member::Member;
use crate::replies::commands::{self, Calls};
use crate::replies::info::Info;
use crate::replies::nodes::REPLICA;
use crate::replies::settings::Settings;
use crate::replies::values::{text, unexpected_from};
use crate::rights::{Needs, Right};
use crate::server::failure::{is_unknown, reason};
use crate::server::{Dialer, Exchange};

/// Time at the end of a scrape, at most, for what was found to be written.
const RESERVE: Duration = Duration::from_millis(500);

/// Commands and their calls.
type CommandCalls = Vec<(Box<str>, Calls)>;

/// What the collectors of one scrape share.
#[derive(Debug)]
pub struct Scrape {
    info: Info,
    exchange: Exchange,
    dialer: Dialer,
    deadline: Instant,
    options: Arc<Options>,
    /// Those of the request, else those of the flags.
    checks: Arc<KeyChecks>,
    /// `None` for a server that is read by itself.
    member: Option<Arc<Member>>,
    /// Asked for by the first collector that needs it.
    settings: OnceCell<Result<Settings, RedisError>>,
    /// As the settings: it is long where there are many clients.
    clients: OnceCell<Result<Value, RedisError>>,
    /// Parsed by the first collector that needs them.
    calls: OnceLock<Partial<CommandCalls, ParseError>>,
}

impl Guarded for Scrape {
    type Right = Right;
}

/// What is the same in every scrape.
#[derive(Debug)]
pub struct Options {
    /// Name of the CONFIG command; `None` never to use it.
    pub config_command: Option<String>,
    /// Commands that a server did not know.
    pub unknown: OddityLog,
    /// Adds the server's role to all its metrics.
    pub appends_role: bool,
    /// The keys to look at, unless the request names others.
    pub checks: Arc<KeyChecks>,
    /// The keys of a cluster's node are those of all its primaries.
    pub is_cluster: bool,
    /// Nodes are reached by their host names, where they have some.
    pub prefers_host_names: bool,
}

impl Scrape {
    /// A scrape of a server that is connected and has answered `INFO`.
    ///
    /// `dialer` makes further connections; `deadline` is the end of the scrape.
    pub fn new(
        info: Info,
        exchange: Exchange,
        dialer: Dialer,
        deadline: Instant,
        options: Arc<Options>,
    ) -> Self {
        let checks = Arc::clone(&options.checks);
        Self {
            info,
            exchange,
            dialer,
            deadline,
            options,
            checks,
            member: None,
            settings: OnceCell::new(),
            clients: OnceCell::new(),
            calls: OnceLock::new(),
        }
    }

    /// The same scrape with the keys that its request names, if it does.
    #[must_use]
    pub fn with_checks(self, checks: Option<Arc<KeyChecks>>) -> Self {
        let checks = checks.unwrap_or_else(|| Arc::clone(&self.checks));
        Self { checks, ..self }
    }

    /// The same scrape of a server that is one of several, if it is.
    #[must_use]
    pub fn of_member(self, member: Option<Arc<Member>>) -> Self {
        Self { member, ..self }
    }

    /// Who holds the keys to look at, to be finished in time for what was found to be shown.
    ///
    /// # Errors
    /// [`CollectError`] if the nodes of the cluster cannot be listed.
    pub async fn holders(&self) -> Result<Holders, CollectError> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let limit = now + left.saturating_sub((left / 10).min(RESERVE));
        let (slots, routes) = match self.member.as_deref() {
            Some(Member { slots, routes, .. }) => (slots.clone(), routes.clone()),
            None if self.options.is_cluster && self.info.is_clustered() => {
                let reply = self.ask("CLUSTER NODES", cmd("CLUSTER").arg("NODES")).await?;
                let text = text(&reply).ok_or_else(|| unexpected_from("CLUSTER NODES"))?;
                let prefers_host_names = self.options.prefers_host_names;
                return Holders::of_cluster(&text, &self.dialer, prefers_host_names, limit);
            }
            None => (None, None),
        };
        let holder = Holder::new(self.dialer.clone(), slots, routes, limit);
        Ok(Holders::one(holder.as_replica(self.info.is_clustered() && self.is_replica())))
    }

    /// Makes connections to the server for work that goes on after this scrape.
    pub fn dialer(&self) -> Dialer {
        self.dialer.clone()
    }

    /// The keys that this scrape is to look at; `None` if this server's are to be left alone.
    pub fn checks(&self) -> Option<&KeyChecks> {
        let checks = &*self.checks;
        let is_wanted = if checks.replicas_only { self.is_replica() } else { !self.is_copy() };
        (!self.info.is_sentinel() && is_wanted).then_some(checks)
    }

    /// True if what the server holds is shown for another one: it is a replica that is read
    /// together with its primary. Sums over all servers count each key once that way.
    pub fn is_copy(&self) -> bool {
        self.member.is_some() && self.is_replica()
    }

    /// True if the server is one of several that are read together, whose role all samples have
    /// as a label.
    pub fn is_member(&self) -> bool {
        self.member.is_some()
    }

    fn is_replica(&self) -> bool {
        self.info.role() == Some(REPLICA)
    }

    /// [`Self::checks`], or why there are none.
    ///
    /// # Errors
    /// The reason.
    pub fn checks_or_reason(&self) -> Result<&KeyChecks, Needs> {
        let words = if self.info.is_sentinel() {
            "a sentinel has no keys"
        } else {
            "the keys of this role are not looked at"
        };
        self.checks().ok_or_else(|| Needs::not_applicable(words))
    }

    /// The right to learn who holds the keys; see [`Self::holders`].
    pub fn holders_rights(&self) -> Option<Right> {
        let is_asked = self.options.is_cluster && self.info.is_clustered();
        (is_asked && self.member.is_none()).then(|| Right::to("CLUSTER NODES"))
    }

    /// The right to read the settings, or why they are not read; see [`Self::settings`].
    ///
    /// # Errors
    /// The reason.
    pub fn settings_right(&self) -> Result<Right, Needs> {
        let Some(name) = self.options.config_command.as_deref() else {
            return Err(Needs::not_applicable("--config-command=- forbids CONFIG"));
        };
        if self.info.is_sentinel() {
            return Err(Needs::not_applicable("a sentinel has no settings to read"));
        }
        Ok(Right::to("CONFIG GET").called(name).with("maxclients"))
    }

    /// Keys that one `SCAN` is to look at.
    pub fn batch_size(&self) -> u32 {
        self.checks.batch_size
    }

    /// The answer to `INFO` in this scrape.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Calls and time per command in that answer.
    pub fn calls(&self) -> &Partial<CommandCalls, ParseError> {
        self.calls.get_or_init(|| {
            let owned = |(command, calls): (&str, Calls)| (command.into(), calls);
            commands::parse(&self.info).map(|rows| rows.into_iter().map(owned).collect())
        })
    }

    /// Sends a command. Collectors ask at the same time; their commands share the connection.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the server's words and `statement`, the command without its arguments.
    pub async fn ask(&self, statement: &str, command: &Cmd) -> Result<Value, CollectError> {
        self.exchange
            .ask(command)
            .await
            .map_err(|error| CollectError::query(statement, &reason(&error)))
    }

    /// As [`Self::ask`], for a command that costs the server something: it is sent no sooner than
    /// it is asked for. Others may be sent with `INFO`, if they were asked for in the last scrape.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_now(&self, statement: &str, command: &Cmd) -> Result<Value, CollectError> {
        let answer = self.exchange.ask_now(command).await;
        answer.map_err(|error| CollectError::query(statement, &reason(&error)))
    }

    /// Sends a command that not every server knows; `None` from one that does not, which is
    /// logged once per command.
    ///
    /// # Errors
    /// As [`Self::ask`], for any other refusal.
    pub async fn ask_if_known(
        &self,
        statement: &'static str,
        command: &Cmd,
    ) -> Result<Option<Value>, CollectError> {
        match self.ask(statement, command).await {
            Err(CollectError::Query { message, .. }) if is_unknown(&message) => {
                if self.options.unknown.is_new(statement) {
                    tracing::info!(command = statement, reason = message, "command is not known");
                } else {
                    tracing::debug!(command = statement, "command is still not known");
                }
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// The settings that metrics are made of; `None` from a server that is not
    /// to be asked, and from a sentinel, which has none.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the server refuses.
    pub async fn settings(&self) -> Result<Option<&Settings>, CollectError> {
        let Some(name) = self.options.config_command.as_deref() else { return Ok(None) };
        if self.info.is_sentinel() {
            return Ok(None);
        }
        match self.settings.get_or_init(|| self.read_settings(name)).await {
            Ok(settings) => Ok(Some(settings)),
            Err(error) => Err(CollectError::query("CONFIG GET", &reason(error))),
        }
    }

    /// All settings; otherwise as [`Self::settings`].
    ///
    /// # Errors
    /// As [`Self::settings`].
    pub async fn all_settings(&self) -> Result<Option<Settings>, CollectError> {
        let Some(name) = self.options.config_command.as_deref() else { return Ok(None) };
        let read = self.ask_settings(&Settings::every(name)).await;
        read.map(Some).map_err(|error| CollectError::query("CONFIG GET", &reason(&error)))
    }

    /// Asks for what is used, or for all where the server takes only one pattern.
    async fn read_settings(&self, name: &str) -> Result<Settings, RedisError> {
        if self.info.is_redis_since(7) {
            match self.ask_settings(&Settings::used(name)).await {
                Err(error) if is_misunderstood(&error) => {}
                settings => return settings,
            }
        }
        self.ask_settings(&Settings::every(name)).await
    }

    async fn ask_settings(&self, command: &Cmd) -> Result<Settings, RedisError> {
        Settings::from_reply(self.exchange.ask(command).await?)
            .ok_or_else(|| (ErrorKind::UnexpectedReturnType, "no list of settings").into())
    }

    /// The answer to `CLIENT LIST`, for [`crate::replies::clients`].
    ///
    /// # Errors
    /// [`CollectError`] if the server refuses or answers something else.
    pub async fn client_list(&self) -> Result<Cow<'_, str>, CollectError> {
        const STATEMENT: &str = "CLIENT LIST";
        let read = || async { self.exchange.ask_now(cmd("CLIENT").arg("LIST")).await };
        match self.clients.get_or_init(read).await {
            Ok(reply) => text(reply).ok_or_else(|| unexpected_from(STATEMENT)),
            Err(error) => Err(CollectError::query(STATEMENT, &reason(error))),
        }
    }
}

/// True for a complaint about the arguments of a command that the server knows.
fn is_misunderstood(error: &RedisError) -> bool {
    let words = reason(error);
    words.starts_with("ERR") && !is_unknown(&words)
}
