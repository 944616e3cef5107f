//! Manual pages.

use clap::ArgAction;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use common::cli::Dialect;
use common::commands::{Program, commands, documented};

/// The manual page of a program, of section 1, in roff.
///
/// # Errors
/// None that writing to memory does not have.
pub(crate) fn page<P: Program>(version: &str, date: &str) -> std::io::Result<Vec<u8>> {
    let mut command = documented::<P>();
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    if P::DIALECT == Dialect::Kingpin {
        command = command.mut_args(|arg| match (arg.get_action(), arg.get_long()) {
            (ArgAction::SetTrue, Some(long)) => {
                let both = format!("[no-]{long}");
                arg.long(both)
            }
            _ => arg,
        });
    }
    let man = Man::new(command)
        .title(P::NAME.to_uppercase())
        .section("1")
        .date(date)
        .source(format!("{} {version}", P::NAME))
        .manual("Exporters for Prometheus");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for (name, help) in commands::<P>() {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(help)]);
    }
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    ending::<P>(&notes).to_writer(&mut page)?;
    Ok(page)
}

/// What stands behind the flags.
fn ending<P: Program>(notes: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    for line in notes.lines() {
        if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    roff.control("SH", ["FILES"]);
    roff.control("TP", []);
    roff.text([bold(format!("/etc/default/{}", P::NAME))]);
    roff.text([roman("Arguments of the service, as ARGS, and variables, where a package has it.")]);
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(format!(
        "0 after SIGTERM or SIGINT, {} after a mistake in the arguments, 1 where it cannot start.",
        P::DIALECT.usage_exit_code()
    ))]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<P: Program>() -> String {
        let page = page::<P>("1.2.3", "2026-01-31").unwrap();
        String::from_utf8(page).unwrap().replace('\\', "")
    }

    #[test]
    fn a_page_says_what_the_help_says() {
        let text = text::<redis_exporter::RedisExporter>();
        assert!(
            text.contains(".TH REDIS-EXPORTER 1 2026-01-31 \"redis-exporter 1.2.3\""),
            "{text}"
        );
        assert!(text.contains("redis-exporter - Exposes the metrics of a Redis"), "{text}");
        for command in ["serve", "scrape", "check", "healthcheck", "web-config"] {
            assert!(text.contains(&format!("fB{command}fR\n")), "{command}: {text}");
        }
        assert!(text.contains("fB--redis.addrfR fI<ADDRESS>fR"), "{text}");
        assert!(text.contains("fBREDIS_ADDRfR environment variable"), "{text}");
        assert!(text.contains("One dash will do for two."), "{text}");
        assert!(text.contains("0 after SIGTERM or SIGINT, 2 after a mistake"), "{text}");
    }

    #[test]
    fn flags_are_spelled_in_the_dialect_of_the_program() {
        let node = text::<node_exporter::NodeExporter>();
        assert!(node.contains("fB--[no-]collector.arpfR"), "{node}");
        assert!(node.contains("fB--path.procfsfR fI<DIR>fR [default: /proc]"), "{node}");
        assert!(!node.contains("fBcheckfR\n"), "{node}");
        let container = text::<container_exporter::ContainerExporter>();
        assert!(container.contains("fB--docker_onlyfR"), "{container}");
        assert!(!container.contains("[no-]"), "{container}");
        assert!(
            text::<mysql_exporter::MysqlExporter>().contains("fB--[no-]collect.slave_statusfR")
        );
    }
}
