//! Processes and threads by state: `/proc/PID/stat` and `/proc/PID/task/TID/stat`, proc_pid_stat(5).
//!
//! Parsed here because the procfs crate reads all of the 52 columns and copies the name,
//! for each of what may be many thousand tasks.

use std::collections::BTreeMap;
use std::io;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;
use rustix::io::Errno;

use crate::host::Host;
use crate::readers::proc_sys;

const PIDS: Desc<'_> = Desc::gauge("node_processes_pids", "Number of processes.");
const THREADS: Desc<'_> =
    Desc::gauge("node_processes_threads", "Number of threads of all processes.");
const STATE: Desc<'_> = Desc::gauge("node_processes_state", "Processes in each state.");
const THREAD_STATE: Desc<'_> =
    Desc::gauge("node_processes_threads_state", "Threads in each state.");

/// Keys are files.
const LIMITS: &[Keyed] = &[
    Keyed::gauge("kernel/pid_max", "node_processes_max_processes", "Limit of process numbers."),
    Keyed::gauge("kernel/threads-max", "node_processes_max_threads", "Limit of threads."),
];

/// How many tasks there are in each state, by the letter of the kernel.
type States = BTreeMap<char, u64>;

#[derive(Debug, Default)]
struct Census {
    pids: u64,
    threads: u64,
    states: States,
    thread_states: States,
}

/// The columns of a task that count here.
#[derive(Debug, PartialEq)]
struct Task {
    state: char,
    threads: u64,
}

#[derive(Debug, Default)]
pub(super) struct Processes;

#[async_trait]
impl Collector<Host> for Processes {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut census = Census::default();
        let mut errors = FirstError::default();
        for pid in numbers(host.list_proc("")?) {
            census.count(host, &pid, &mut errors);
        }
        sink.value(&PIDS, census.pids as f64);
        sink.value(&THREADS, census.threads as f64);
        push_states(&STATE, "state", &census.states, sink);
        push_states(&THREAD_STATE, "thread_state", &census.thread_states, sink);
        for Keyed { key, desc, .. } in LIMITS {
            if let Some(limit) = errors.catch(proc_sys::number(host, key)) {
                sink.value(desc, limit);
            }
        }
        errors.into_result()
    }
}

fn push_states(desc: &Desc<'_>, label: &str, states: &States, sink: &mut Sink) {
    let samples = states.iter().map(|(state, count)| ([(label, state.to_string())], *count as f64));
    sink.samples(desc, samples);
}

impl Census {
    /// Counts a process, which is its own only thread unless it says otherwise.
    fn count(&mut self, host: &Host, pid: &str, errors: &mut FirstError) {
        let Some(process) = errors.catch(read_task(host, &format!("{pid}/stat"))) else { return };
        self.pids += 1;
        self.threads += process.threads;
        *self.states.entry(process.state).or_default() += 1;
        let mut count_thread = |state| *self.thread_states.entry(state).or_default() += 1;
        if process.threads == 1 {
            return count_thread(process.state);
        }
        let threads = unless_out_of_sight(host.list_proc(&format!("{pid}/task")));
        for tid in numbers(errors.catch(threads).flatten()) {
            if tid == pid {
                count_thread(process.state);
            } else if let Some(thread) =
                errors.catch(read_task(host, &format!("{pid}/task/{tid}/stat")))
            {
                count_thread(thread.state);
            }
        }
    }
}

/// The names that are numbers, as those of tasks are.
fn numbers(names: Option<Vec<String>>) -> impl Iterator<Item = String> {
    let is_number = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    names.into_iter().flatten().filter(is_number)
}

/// `None` if there is no such task to be seen.
fn read_task(host: &Host, path: &str) -> Result<Option<Task>, CollectError> {
    let Some(text) = unless_out_of_sight(host.proc(path))? else { return Ok(None) };
    parse(&text).map(Some).map_err(|error| text.blame(error))
}

/// Tasks may have ended since they were listed, or be hidden by the mount option `hidepid`.
fn unless_out_of_sight<T>(read: Result<T, CollectError>) -> Result<Option<T>, CollectError> {
    let has_gone = |error: &io::Error| {
        error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
            || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
    };
    match read {
        Ok(content) => Ok(Some(content)),
        Err(CollectError::Read { source, .. }) if has_gone(&source) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `314 (name) S 1 …`: the name may hold spaces and parentheses, what follows it does not.
fn parse(text: &str) -> Result<Task, ParseError> {
    let malformed = || ParseError::form("no name", text);
    let (_, columns) = text.rsplit_once(')').ok_or_else(malformed)?;
    let mut columns = columns.split_ascii_whitespace();
    let state = columns.next().and_then(|state| state.chars().next());
    let state = state.ok_or(ParseError::Missing { field: "state" })?;
    // The twentieth column of the line.
    let threads = parse_number("number of threads", columns.nth(16))?;
    Ok(Task { state, threads })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Paths;
    use common::testing;
    use std::path::Path;

    const REST: &str = "1 314 314 0 -1 4194560 2711 0 0 0 3 4 0 0 20 0";

    #[test]
    fn any_name_may_stand_before_the_columns() {
        for name in ["a", "", ") S 1 (", "two words", "a\u{fffd}b"] {
            let text = format!("314 ({name}) D {REST} 12 0 7711 0\n");
            assert_eq!(parse(&text), Ok(Task { state: 'D', threads: 12 }), "{name:?}");
        }
    }

    #[test]
    fn truncated_and_malformed_columns_are_refused() {
        for text in ["", "314 (a", "314 (a)", "314 (a) S", &format!("1 (a) S {REST} x")] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    async fn collected(proc: &Path) -> (Result<(), CollectError>, String) {
        let paths = Paths {
            procfs: proc.to_owned(),
            sysfs: proc.to_owned(),
            rootfs: proc.to_owned(),
            udev_data: proc.to_owned(),
        };
        let host = Host::open(&paths).unwrap();
        let mut sink = Sink::default();
        let result = Processes.collect(&host, &mut sink).await;
        (result, testing::text(&sink))
    }

    #[tokio::test]
    async fn a_tree_of_tasks_is_counted() {
        let proc = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.1/proc");
        let (result, text) = collected(&proc).await;
        assert!(result.is_ok(), "{result:?}");
        for line in [
            "node_processes_pids 4",
            "node_processes_threads 6",
            "node_processes_state{state=\"S\"} 2",
            "node_processes_state{state=\"Z\"} 1",
            "node_processes_threads_state{thread_state=\"D\"} 1",
            "node_processes_max_threads 127235",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[tokio::test]
    async fn vanished_tasks_are_passed_over_and_malformed_ones_cost_only_themselves() {
        let proc = std::env::temp_dir().join(format!("processes-{}", std::process::id()));
        let write = |path: &str, text: String| {
            let path = proc.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        // Number 2 has lost its file, number 3 a thread, number 4 its list of threads.
        std::fs::create_dir_all(proc.join("2")).unwrap();
        write("3/stat", format!("3 (three) S {REST} 2"));
        std::fs::create_dir_all(proc.join("3/task/33")).unwrap();
        write("3/task/3/stat", String::new());
        write("4/stat", format!("4 (four) S {REST} 9"));
        write("5/stat", "5 (five".into());
        write("6/stat", format!("6 (six) R {REST} 1"));
        let (result, text) = collected(&proc).await;
        std::fs::remove_dir_all(&proc).unwrap();
        assert!(result.unwrap_err().to_string().contains("5/stat"));
        for line in [
            "node_processes_pids 3",
            "node_processes_threads 12",
            "node_processes_threads_state{thread_state=\"R\"} 1",
            "node_processes_threads_state{thread_state=\"S\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(1 \\(x\\) )?([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
