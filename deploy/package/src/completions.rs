//! Completions of flags and commands for three shells, in the dialect of each program.

use anyhow::ensure;
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use common::cli::Dialect;
use common::commands::{Program, commands, documented};

/// The scripts of a program, each with its path: the shell's name and the name of the file as the
/// shell looks for it.
///
/// # Errors
/// A form of a script that is new: where the dialect was to be put in is missing.
pub(crate) fn scripts<P: Program>() -> anyhow::Result<[(String, String); 3]> {
    let mut command = completed::<P>();
    let mut script = |shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, P::NAME, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    };
    let [bash, zsh, fish] = [Shell::Bash, Shell::Zsh, Shell::Fish].map(&mut script);
    let [bash, zsh, fish] = match P::DIALECT {
        Dialect::Kingpin => [bash, zsh, fish],
        Dialect::GoFlag => {
            [one_dash_in_bash(&bash)?, one_dash_in_zsh(&zsh)?, one_dash_in_fish(&fish)?]
        }
    };
    let fish = fish + &commands_in_fish::<P>();
    Ok([
        (format!("bash/{}", P::NAME), bash),
        (format!("zsh/_{}", P::NAME), zsh),
        (format!("fish/{}.fish", P::NAME), fish),
    ])
}

/// The command with what is to be offered: the flags in both directions, the commands, and files
/// only where a flag takes one.
fn completed<P: Program>() -> Command {
    let documented = documented::<P>();
    let mut completed = Command::new(P::NAME).version("");
    // Added by clap itself, or offered as the files that a shell offers anyway.
    let left_out = ["help", "version", "operands"];
    for arg in documented.get_arguments().filter(|arg| !left_out.contains(&arg.get_id().as_str())) {
        if let (Dialect::Kingpin, ArgAction::SetTrue, Some(long)) =
            (P::DIALECT, arg.get_action(), arg.get_long())
        {
            completed = completed.arg(opposite(arg, long));
        }
        completed = completed.arg(offered(arg.clone()));
    }
    completed
}

/// The flag that switches an on/off flag off.
fn opposite(arg: &Arg, long: &str) -> Arg {
    let name = format!("no-{long}");
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Arg::new(name.clone()).long(name).action(ArgAction::SetTrue).help(format!("Not: {help}"))
}

fn offered(arg: Arg) -> Arg {
    if arg.is_positional() {
        return arg.hide(false);
    }
    let hint = match arg.get_value_names().and_then(<[_]>::first).map(clap::builder::Str::as_str) {
        Some("FILE" | "FILES") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    if arg.get_action().takes_values() { arg.value_hint(hint) } else { arg }
}

/// A word that begins with one dash is completed as such; one before a value counts as with two.
fn one_dash_in_bash(script: &str) -> anyhow::Result<String> {
    let script = insert(
        script,
        "            if [[ ${cur} == -* ||",
        "            [[ ${cur} != -[a-zA-Z]* ]] || opts=\"${opts//--/-}\"\n",
    )?;
    insert(
        &script,
        "            case \"${prev}\" in",
        "            [[ ${prev} != -[a-zA-Z]?* ]] || prev=\"-${prev}\"\n",
    )
}

/// One dash is taken for two.
fn one_dash_in_zsh(script: &str) -> anyhow::Result<String> {
    insert(
        script,
        "    local context curcontext=",
        "    local -i place
    for ((place = 2; place <= $#words; place++)); do
        [[ $words[place] != -[a-zA-Z]?* ]] || words[place]=\"-$words[place]\"
    done
    [[ $PREFIX != -[a-zA-Z]* ]] || PREFIX=\"-$PREFIX\"
",
    )
}

/// Each long flag is an old one, too, as fish calls those with one dash.
fn one_dash_in_fish(script: &str) -> anyhow::Result<String> {
    let lines = script.lines().map(|line| match line.split_once(" -l ") {
        Some((start, rest)) => {
            let name = rest.split(' ').next().unwrap_or(rest);
            format!("{start} -o {name} -l {rest}\n")
        }
        None => format!("{line}\n"),
    });
    let script: String = lines.collect();
    ensure!(script.contains(" -o "), "no flag in the script for fish");
    Ok(script)
}

/// The commands, which the generator for fish leaves out because they are values to clap.
fn commands_in_fish<P: Program>() -> String {
    let lines = commands::<P>().map(|(name, help)| {
        let help = help.replace('\\', "\\\\").replace('\'', "\\'");
        format!("complete -c {} -n __fish_use_subcommand -a {name} -d '{help}'\n", P::NAME)
    });
    lines.collect()
}

/// Puts lines before the one place in a script that begins with `mark`.
fn insert(script: &str, mark: &str, lines: &str) -> anyhow::Result<String> {
    ensure!(script.matches(mark).count() == 1, "{mark:?} is not once in the script");
    Ok(script.replace(mark, &format!("{lines}{mark}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<P: Program>() -> [String; 3] {
        scripts::<P>().unwrap().map(|(_, script)| script)
    }

    #[test]
    fn scripts_are_where_the_shells_look_for_them() {
        let paths = scripts::<node_exporter::NodeExporter>().unwrap().map(|(path, _)| path);
        assert_eq!(paths, ["bash/node-exporter", "zsh/_node-exporter", "fish/node-exporter.fish"]);
    }

    #[test]
    fn on_off_flags_of_node_and_mysql_have_an_opposite() {
        for script in of::<node_exporter::NodeExporter>() {
            assert!(script.contains("no-collector.arp") && !script.contains("no-path"), "{script}");
        }
        for script in of::<mysql_exporter::MysqlExporter>() {
            assert!(script.contains("no-collect.slave_status"), "{script}");
        }
    }

    #[test]
    fn one_dash_will_do_for_redis_and_container() {
        for scripts in
            [of::<redis_exporter::RedisExporter>(), of::<container_exporter::ContainerExporter>()]
        {
            let [bash, zsh, fish] = scripts;
            assert!(bash.contains("opts=\"${opts//--/-}\"") && !bash.contains("--no-"), "{bash}");
            assert!(zsh.contains("PREFIX=\"-$PREFIX\""), "{zsh}");
            assert!(fish.contains(" -o log.level -l log.level "), "{fish}");
        }
    }

    #[test]
    fn commands_are_offered() {
        for script in of::<mysql_exporter::MysqlExporter>() {
            for command in ["scrape", "healthcheck", "check", "web-config"] {
                assert!(script.contains(command), "{command}: {script}");
            }
            assert!(!script.contains("operands"), "{script}");
        }
    }

    #[test]
    fn a_script_of_a_new_form_is_refused() {
        assert!(insert("a\nb", "c", "x").is_err());
        assert!(insert("a\na", "a", "x").is_err());
        assert_eq!(insert("a\nb", "b", "x\n").unwrap(), "a\nx\nb");
        assert!(one_dash_in_fish("complete -c x -s a").is_err());
    }
}
