//! What the four exporters share.
//!
//! The path of one scrape:
//!
//! 1. [`web`] accepts the request, chooses format and compression, and lets equal requests that
//!    wait for an answer share one collection.
//! 2. The [`exporter::Exporter`] opens its source and starts its collectors.
//! 3. [`scrape`] runs them under one deadline, each isolated from the others.
//! 4. A [`collector::Collector`] reads the source, parses, and pushes samples of
//!    the families that its table of [`metric`]s describes into a sink.
//! 5. The sink writes text at once; [`exposition`] sorts the families of all
//!    sinks into one body, which is compressed once and sent with its length.
//! 6. [`self_metrics`] adds the exporter's own figures.
//!
//! [`commands`] is what the `main` functions call, [`cli`] reads their arguments. [`check`] is what
//! an exporter finds out about the rights that its server grants, [`compare`] what differs between
//! the answers of two exporters.
//!
//! # Example
//!
//! An exporter of one file in `/proc`, from its table to its answer. [`commands::main`] does
//! with a [`commands::Program`] what the last lines do by hand.
//!
//! ```
//! use std::sync::Arc;
//!
//! use common::cli::{self, Dialect, Switches};
//! use common::collector::{Collector, Entry};
//! use common::error::{CollectError, ParseError, parse_number};
//! use common::exporter::{Exporter, Refusal, ScrapeRequest};
//! use common::exposition::{Exposition, Sink};
//! use common::kernel::{Budget, Root};
//! use common::metric::{Desc, Metric, gauge};
//! use common::scrape::{CollectorFamilies, Collectors, Outcome, Placement};
//! # use common::self_metrics::BuildInfo;
//! # use common::web::{Landing, Service, Stopping, WebArgs, router};
//!
//! // The collector: a table, a pure parser, and what connects them.
//! const METRICS: &[Metric<f64>] =
//!     &[gauge("demo_groups_max", "Groups that a process may have at most.", |max| Some(*max))];
//!
//! fn parse(text: &str) -> Result<f64, ParseError> {
//!     parse_number("maximum of groups", Some(text.trim_end()))
//! }
//!
//! struct Groups;
//!
//! #[async_trait::async_trait]
//! impl Collector<Root> for Groups {
//!     async fn collect(&self, proc: &Root, sink: &mut Sink) -> Result<(), CollectError> {
//!         sink.row(METRICS, &proc.read("sys/kernel/ngroups_max")?.parse(parse)?);
//!         Ok(())
//!     }
//! }
//!
//! // The list of collectors, each with its switch: `--no-collector.groups`.
//! const COLLECTORS: &[Entry<Root>] =
//!     &[Entry::on("groups", "limit of groups", |_| Ok(Box::new(Groups)))];
//! const SWITCHES: Switches = Switches { flag_prefix: "collector." };
//!
//! const FAMILIES: CollectorFamilies = CollectorFamilies {
//!     duration: Desc::gauge("demo_collector_duration_seconds", "Time of a collector."),
//!     success: Desc::gauge("demo_collector_success", "1 if a collector succeeded, else 0."),
//!     malformed: Desc::counter("demo_collector_malformed_total", "Scrapes with malformed input."),
//!     label_prefix: "",
//! };
//!
//! // The exporter: a source and its collectors.
//! struct Demo {
//!     proc: Arc<Root>,
//!     collectors: Collectors<Root>,
//! }
//!
//! #[async_trait::async_trait]
//! impl Exporter for Demo {
//!     async fn scrape(
//!         &self,
//!         request: &ScrapeRequest,
//!         exposition: &mut Exposition,
//!     ) -> Result<Vec<Outcome>, Refusal> {
//!         self.proc.start_scrape();
//!         let proc = Arc::clone(&self.proc);
//!         Ok(self.collectors.run(proc, |_| true, request.deadline, exposition).await)
//!     }
//! }
//!
//! # async fn get(exporter: Demo, path: &str) -> anyhow::Result<String> {
//! #     use {http_body_util::BodyExt as _, tower_service::Service as _};
//! #     let links = Vec::new();
//! #     let landing = Landing { title: "Demo", description: "Demo", links, content: "" };
//! #     let build_info = BuildInfo::go_style("demo_build_info");
//! #     let service = Service {
//! #         exporter: Arc::new(exporter),
//! #         endpoints: Vec::new(),
//! #         landing,
//! #         build_info,
//! #         health_paths: &[],
//! #         routes: axum::Router::new(),
//! #         encoding: None,
//! #     };
//! #     let request = axum::http::Request::get(path).body(axum::body::Body::empty())?;
//! #     let mut router = router(service, &WebArgs::default(), Stopping::default());
//! #     let body = router.call(request).await?.into_body().collect().await?.to_bytes();
//! #     Ok(String::from_utf8(body.to_vec())?)
//! # }
//! #
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let command = SWITCHES.add(clap::Command::new("demo").version("1.0"), COLLECTORS);
//! let matches = cli::parse(command, Dialect::Kingpin, "DEMO_", ["demo".into()])?;
//! let collectors = SWITCHES.build(&matches, COLLECTORS)?;
//! let exporter = Demo {
//!     proc: Arc::new(Root::open("/proc".as_ref(), &Budget::of_process())?),
//!     collectors: Collectors::new(Placement::Blocking, FAMILIES, collectors),
//! };
//! let answer =
//!     get(exporter, "/metrics?name[]=demo_groups_max&name[]=demo_collector_success").await?;
//! assert_eq!(
//!     answer.lines().collect::<Vec<_>>(),
//!     [
//!         "# HELP demo_collector_success 1 if a collector succeeded, else 0.",
//!         "# TYPE demo_collector_success gauge",
//!         "demo_collector_success{collector=\"groups\"} 1",
//!         "# HELP demo_groups_max Groups that a process may have at most.",
//!         "# TYPE demo_groups_max gauge",
//!         "demo_groups_max 65536",
//!     ]
//! );
//! # anyhow::Ok(())
//! # })?;
//! # anyhow::Ok(())
//! ```

pub mod check;
pub mod cli;
pub mod collector;
pub mod commands;
pub mod compare;
pub mod confine;
pub mod error;
pub mod exporter;
pub mod exposition;
pub mod failures;
pub mod fields;
pub mod filter;
pub mod kernel;
pub mod keyed;
pub mod logging;
pub mod metric;
pub mod scrape;
pub mod secret;
pub mod self_metrics;
pub mod sync;
pub mod targets;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod version;
pub mod view;
pub mod web;
