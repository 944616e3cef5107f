//! Why a table has no rows.

use common::error::CollectError;

use crate::privilege::Privilege;
use crate::scrape::Scrape;

/// Why `table` has no rows: because the system variable `switch` is off, or for no reason.
///
/// # Errors
/// [`CollectError::NoData`] if it is off or unknown; [`CollectError::Query`] if the server does
/// not say.
pub(crate) async fn why_empty(
    scrape: &Scrape,
    table: &str,
    switch: Option<&str>,
) -> Result<(), CollectError> {
    let Some(switch) = switch else { return Ok(()) };
    // Variables need no privilege.
    let answer =
        scrape.query_if_present(&format!("SELECT @@{switch}"), &Privilege::PROCESS).await?;
    match answer.rows().next().and_then(|row| row.at(0)) {
        Some("0" | "OFF") => {
            Err(CollectError::NoData(format!("{table} is empty: {switch} is off")))
        }
        _ => Ok(()),
    }
}
