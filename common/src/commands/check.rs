//! The `check` command: whether each collector works on the server, and the least rights.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;

use crate::check::Check;
use crate::web::WebArgs;

/// Prints what `check` finds to stdout; fails if something does not work.
pub(super) async fn check(check: &dyn Check, web: &WebArgs) -> anyhow::Result<ExitCode> {
    let report = check.check(Instant::now() + web.scrape_timeout).await?;
    write!(std::io::stdout(), "{report}").context("cannot write to stdout")?;
    Ok(if report.all_works() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
