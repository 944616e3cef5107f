//! What a server lacks, told from what it refuses.

use common::error::CollectError;

use crate::scrape::Scrape;
use crate::server::QueryError;

/// No such schema, column, table of the information schema, table, variable, engine.
const ABSENCE_ERRORS: [u16; 6] = [1049, 1054, 1109, 1146, 1193, 1286];

/// `ER_VIEW_INVALID`: the account lacks a privilege on what is behind a view.
const VIEW_INVALID: u16 = 1356;

/// The error of a statement about `table`: that the server has no such thing, or names what to
/// grant, as in `GRANT … TO`, if that is missing.
pub(crate) fn explain(table: &str, error: &QueryError, grant: &str) -> CollectError {
    let code = if let QueryError::Refused { code, .. } = error { *code } else { 0 };
    if ABSENCE_ERRORS.contains(&code) {
        return CollectError::NoData(format!("{table}: {error}"));
    }
    if error.is_about_privileges() || code == VIEW_INVALID {
        let message = format!("{error}; GRANT {grant} to the exporter's user");
        return CollectError::query(table, &message);
    }
    CollectError::query(table, error)
}

/// Why `table` has no rows: because the system variable `switch` is off, or for no reason.
///
/// # Errors
/// [`CollectError::NoData`] if it is off; [`CollectError::Query`] if the server does not say.
pub(crate) async fn why_empty(
    scrape: &Scrape,
    table: &str,
    switch: Option<&str>,
) -> Result<(), CollectError> {
    let Some(switch) = switch else { return Ok(()) };
    let statement = format!("SELECT @@{switch}");
    let answer = scrape.try_query(&statement).await;
    let answer = answer.map_err(|error| explain(&statement, &error, "USAGE ON *.*"))?;
    match answer.rows().next().and_then(|row| row.at(0)) {
        Some("0" | "OFF") => {
            Err(CollectError::NoData(format!("{table} is empty: {switch} is off")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(code: u16, message: &str) -> CollectError {
        let error = QueryError::Refused { code, message: message.into() };
        explain("performance_schema.x", &error, "SELECT ON performance_schema.*")
    }

    #[test]
    fn what_the_server_lacks_is_no_data() {
        let error = explained(1146, "Table 'performance_schema.x' doesn't exist");
        assert_eq!(
            error.to_string(),
            "no data: performance_schema.x: Table 'performance_schema.x' doesn't exist (error 1146)"
        );
        for code in ABSENCE_ERRORS {
            assert!(explained(code, "Unknown").is_no_data(), "{code}");
        }
    }

    #[test]
    fn a_missing_privilege_is_named() {
        let error = explained(1142, "SELECT command denied to user 'e'@'localhost' for table `x`");
        assert_eq!(
            error.to_string(),
            "performance_schema.x: SELECT command denied to user 'e'@'localhost' for table `x` \
             (error 1142); GRANT SELECT ON performance_schema.* to the exporter's user"
        );
        assert!(explained(1356, "View lacks rights").to_string().contains("; GRANT SELECT ON "));
    }

    #[test]
    fn other_errors_are_told_as_they_are() {
        let error = explained(1969, "Query execution was interrupted");
        assert_eq!(
            error.to_string(),
            "performance_schema.x: Query execution was interrupted (error 1969)"
        );
        let lost = explain("t", &QueryError::Lost("gone".into()), "PROCESS ON *.*");
        assert_eq!(lost.to_string(), "t: connection lost: gone");
    }
}
