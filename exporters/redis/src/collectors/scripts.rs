//! Lua scripts of the user: each returns names and values in turn.

use anyhow::Context as _;
use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::CommaList;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;
use redis::{Value, cmd};

use crate::replies::values;
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const VALUES: Desc<'_> = Desc::gauge("redis_script_values", "A value that a Lua script returned.");

const RESULT: Desc<'_> = Desc::gauge(
    "redis_script_result",
    "1 if a Lua script returned values, 2 if it returned none, 0 if it failed.",
);

/// Options of the `scripts` collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Files of Lua scripts to run, between commas
    #[arg(id = "script", long = "script", value_name = "FILES", default_value = "")]
    files: CommaList,
    /// Run the scripts with EVAL_RO, so that they cannot write
    #[arg(id = "lua-script-read-only", long = "lua-script-read-only")]
    read_only: bool,
}

struct Scripts {
    command: &'static str,
    scripts: Vec<Script>,
}

struct Script {
    file: String,
    text: Vec<u8>,
}

/// Reads the files once.
pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    let mut scripts: Vec<Script> = Vec::new();
    for file in options.files.0 {
        if scripts.iter().all(|script| script.file != file) {
            let text = std::fs::read(&file).with_context(|| format!("--script: {file}"))?;
            scripts.push(Script { file, text });
        }
    }
    let command = if options.read_only { "EVAL_RO" } else { "EVAL" };
    Ok(Box::new(Scripts { command, scripts }))
}

#[async_trait]
impl Collector<Scrape> for Scripts {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        for Script { file, text } in &self.scripts {
            let mut eval = cmd(self.command);
            // The argument is what scripts get from the reference.
            eval.arg(text).arg(0).arg("0");
            let answer = scrape.ask_now(self.command, &eval).await;
            let answer = answer.map_err(|error| CollectError::query(file, &error));
            let read = answer.and_then(|answer| {
                parse(&answer).map_err(|error| CollectError::malformed(file, error))
            });
            let values = errors.note(read);
            let result = match &values {
                Some(values) if values.is_empty() => 2.0,
                Some(_) => 1.0,
                None => 0.0,
            };
            let labelled = values.iter().flatten().map(|(name, value)| {
                ([("filename", file.as_str()), ("key", name.as_str())], *value)
            });
            sink.samples(&VALUES, labelled);
            sink.samples(&RESULT, [([("filename", file.as_str())], result)]);
        }
        errors.into_result()
    }

    /// What the scripts call is their authors' to know.
    fn needs(&self, _: &Scrape) -> Needs {
        if self.scripts.is_empty() {
            return Needs::not_applicable("there is no --script");
        }
        [Right::to(self.command).with("return 1").with("0")].into_iter().collect()
    }
}

/// The values by name; of two with one name the last.
fn parse(reply: &Value) -> Result<Vec<(String, f64)>, ParseError> {
    let form = |words: &str| ParseError::Form(words.to_owned());
    let items = match reply {
        Value::Nil => return Ok(Vec::new()),
        reply => values::items(reply).ok_or_else(|| form("the script returned no table"))?,
    };
    let (pairs, rest) = items.as_chunks();
    if !rest.is_empty() {
        return Err(form("the script returned a name without a value"));
    }
    let mut read: Vec<(String, f64)> = Vec::with_capacity(pairs.len());
    for [name, value] in pairs {
        let name = values::text(name).ok_or_else(|| form("a name is no text"))?.into_owned();
        let value = values::number(value)
            .ok_or_else(|| ParseError::form("the value of a name is no number", &name))?;
        match read.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some(earlier) => earlier.1 = value,
            None => read.push((name, value)),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, f64)>, ParseError> {
        parse(&redis::parse_redis_value(text.as_bytes()).unwrap())
    }

    #[test]
    fn names_and_values_alternate() {
        let values = read("*4\r\n$1\r\na\r\n$3\r\n3.5\r\n$1\r\na\r\n:2\r\n").unwrap();
        assert_eq!(values, [("a".to_owned(), 2.0)]);
        assert_eq!(read("*0\r\n").unwrap(), []);
        for text in
            ["$4\r\ntest\r\n", "*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", ":1\r\n"]
        {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:[0-9]\r\n|\\$-1\r\n|\\$1\r\na\r\n){1,6}") {
            let _ = redis::parse_redis_value(text.as_bytes()).map(|reply| parse(&reply));
        }
    }
}
