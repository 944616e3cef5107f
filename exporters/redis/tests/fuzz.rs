//! Changed replies of servers, on the wire and within texts, through all collectors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use support::stub::{Answers, Reply, bulk, find, list, serve_by};
use support::{EVERY_COLLECTOR as FLAGS, start};
use tests::collectors::optional;
use tests::fuzz::Fuzz;

fn answers(info: &str) -> Answers {
    const BUCKETS: &str = "*4\r\n+calls\r\n:2\r\n+histogram_usec\r\n*4\r\n:1\r\n:1\r\n:4\r\n:2\r\n";
    let client = "id=3 addr=10.0.0.9:4000 laddr=10.0.0.1:6379 fd=8 name=a=b age=1 idle=0 flags=N";
    let slots = format!("*1\r\n*2\r\n:12\r\n{}", list("key-count 3 cpu-usec 250"));
    vec![
        ("PING", "+PONG\r\n".into()),
        ("SELECT", "+OK\r\n".into()),
        ("INFO MODULES", bulk("# Modules\r\nmodule:name=search,ver=1,usedby=[],using=[]\r\n")),
        ("INFO", bulk(info)),
        ("CLIENT SETNAME", "+OK\r\n".into()),
        ("CLIENT LIST", bulk(client)),
        ("CONFIG GET", list("maxclients 10000 maxmemory 5 databases 16 save 3600")),
        ("ACL LOG", "*1\r\n*4\r\n+count\r\n:2\r\n+reason\r\n+key\r\n".into()),
        ("SLOWLOG LEN", ":3\r\n".into()),
        ("SLOWLOG GET", "*1\r\n*4\r\n:14\r\n:1309448221\r\n:15000\r\n*1\r\n$4\r\nping\r\n".into()),
        ("LATENCY LATEST", "*1\r\n*4\r\n+fork\r\n:1405067976\r\n:251\r\n:1001\r\n".into()),
        ("LATENCY HISTOGRAM", format!("*4\r\n+get\r\n{BUCKETS}+config|get\r\n{BUCKETS}")),
        ("COMMANDLOG LEN", ":2\r\n".into()),
        ("CLUSTER INFO", bulk("cluster_state:ok\r\ncluster_size:3\r\n")),
        ("CLUSTER SLOT-STATS", slots),
        ("FT._LIST", list("idx")),
        ("FT.INFO", list("index_name idx num_docs 10 inverted_sz_mb 0.5")),
        ("SERVER EXT", list("tile38_num_points 12 num_hooks 3")),
        ("SCAN", format!("*2\r\n$1\r\n0\r\n{}", list("k1 k2 k3"))),
        ("TYPE", "+string\r\n".into()),
        ("MEMORY USAGE", ":56\r\n".into()),
        ("STRLEN", ":2\r\n".into()),
        ("GETRANGE", bulk("17")),
        ("GET", bulk("17")),
        ("XINFO STREAM", list("length 1 groups 1 last-generated-id 5-1")),
        ("XINFO GROUPS", format!("*1\r\n{}", list("name g consumers 1 pending 2"))),
        ("XINFO CONSUMERS", format!("*1\r\n{}", list("name c pending 2 idle 1000"))),
        ("EVAL", "*3\r\n$1\r\n0\r\n*1\r\n*3\r\n$1\r\nk\r\n:3\r\n:168\r\n$-1\r\n".into()),
    ]
}

/// The text of `INFO` of every kind of server.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    let mut texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn fuzz_replies() {
    let corpus = corpus();
    assert!(corpus.len() > 10);
    let shared = Arc::new(Mutex::new(answers(&corpus[0])));
    let current = Arc::clone(&shared);
    let server = serve_by(move |command| {
        let answers = current.lock().unwrap_or_else(PoisonError::into_inner);
        match find(&answers, command) {
            // The end of a reply that promises more.
            Reply::Bytes(bytes) if bytes.ends_with(b"\xef\xbf\xbd\r\n") => Reply::Cut(bytes),
            reply => reply,
        }
    })
    .await;
    let exporter = start(&[&[format!("-redis.addr={server}").as_str()], FLAGS].concat());
    let usual = exporter.scrape().await.unwrap().len();
    assert!(usual > 10_000, "{usual}");
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let info = fuzz.choose(&corpus).unwrap();
        let mut changed = answers(info);
        let mut input = 0;
        let mut what = Vec::new();
        for _ in 0..3 {
            let index = fuzz.below(changed.len());
            let (name, reply) = &changed[index];
            // Most often the text, with its length; else what is on the wire, which is then broken.
            let new = match (*name, fuzz.below(4)) {
                ("INFO", 1..) => bulk(&fuzz.change_text(info)),
                (_, 0) => fuzz.change_text(reply),
                _ => rewritten(reply, &mut fuzz),
            };
            input += new.len();
            what.push(*name);
            changed[index].1 = new;
        }
        *shared.lock().unwrap_or_else(PoisonError::into_inner) = changed;
        let body = exporter.scrape_within(0.6).await.unwrap();
        let checked = fuzz.check(&body, input, usual);
        checked.unwrap_or_else(|error| panic!("{what:?}: {error:#}"));
        assert!(body.contains("\nredis_up "), "{what:?}: {body}");
    }
    fuzz.finish().unwrap();
}

/// What the replies of a server with sentinels and a cluster's node are beside [`answers`].
fn further_answers() -> Vec<Answers> {
    let nodes = "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,host4 slave \
        e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 1426238317239 4 connected\n\
        e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:30001@31001 myself,master - 0 0 1 \
        connected 0-5460 [93-<-292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f]\n";
    let cluster = vec![
        ("INFO MODULES", "-ERR syntax error\r\n".into()),
        ("INFO", bulk("redis_version:7.4.0\r\nredis_mode:cluster\r\ncluster_enabled:1\r\n")),
        ("CLUSTER INFO", bulk("cluster_state:ok\r\ncluster_size:1\r\n")),
        ("CLUSTER NODES", bulk(nodes)),
    ];
    let master = "name mymaster ip 127.0.0.1 port 6379 flags master num-slaves 1 quorum 2 \
        link-refcount 1 down-after-milliseconds 30000";
    let peer = "name 127.0.0.1:6380 ip 127.0.0.1 port 6380 flags slave s-down-time 5 \
        master-link-status ok slave-repl-offset 5";
    let sentinel = vec![
        (
            "INFO",
            bulk(
                "redis_version:7.4.0\r\nredis_mode:sentinel\r\n# Sentinel\r\n\
            sentinel_masters:1\r\nmaster0:name=mymaster,status=ok,address=127.0.0.1:6379,\
            slaves=1,sentinels=2\r\n",
            ),
        ),
        ("SENTINEL MASTERS", format!("*1\r\n{}", list(master))),
        ("SENTINEL SENTINELS", format!("*1\r\n{}", list(peer))),
        ("SENTINEL SLAVES", format!("*1\r\n{}", list(peer))),
        ("SENTINEL REPLICAS", format!("*1\r\n{}", list(peer))),
        ("SENTINEL CKQUORUM", "+OK 2 usable Sentinels. Quorum reached\r\n".into()),
        ("SENTINEL CONFIG", list("announce-ip x loglevel notice")),
    ];
    vec![cluster, sentinel]
}

/// Each reply by itself, with every collector on: a command that is added must be here.
#[tokio::test]
async fn fuzz_each_reply() {
    let corpus = corpus();
    let mut servers = vec![answers(&corpus[0])];
    servers.extend(further_answers());
    let shared = Arc::new(Mutex::new((Answers::new(), BTreeSet::new())));
    let current = Arc::clone(&shared);
    let server = serve_by(move |command| {
        let mut shared = current.lock().unwrap_or_else(PoisonError::into_inner);
        match find(&shared.0, command) {
            Reply::Bytes(bytes) if bytes.starts_with(b"-ERR unknown command '") => {
                let words = command.split(' ').take(2).collect::<Vec<_>>().join(" ");
                shared.1.insert(words.to_ascii_uppercase());
                Reply::Bytes(bytes)
            }
            // The end of a reply that promises more.
            Reply::Bytes(bytes) if bytes.ends_with(b"\xef\xbf\xbd\r\n") => Reply::Cut(bytes),
            reply => reply,
        }
    })
    .await;
    let set = |answers: &Answers| {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.0.clone_from(answers);
    };
    let optional = optional(&support::Running::help().unwrap());
    let flags: Vec<&str> = optional.iter().map(String::as_str).chain(FLAGS.to_vec()).collect();
    let all: Vec<&str> = servers.iter().flatten().map(|(start, _)| *start).collect();
    let count = all.len();
    let mut number = 0;
    for answers in servers {
        set(&answers);
        let exporter = start(&[&[format!("-redis.addr={server}").as_str()], &flags[..]].concat());
        let usual = exporter.scrape().await.unwrap().len();
        for (index, (name, reply)) in answers.iter().enumerate() {
            let mut fuzz = Fuzz::share(number, count).unwrap();
            number += 1;
            while fuzz.goes_on() {
                let new = match (*name, fuzz.below(8)) {
                    ("INFO", 1..) => bulk(&fuzz.change_text(fuzz_choice(&corpus, fuzz.rounds))),
                    (_, 0) => fuzz.change_text(reply),
                    _ => rewritten(reply, &mut fuzz),
                };
                let mut changed = answers.clone();
                changed[index].1.clone_from(&new);
                set(&changed);
                let body = exporter.scrape_within(0.6).await.unwrap();
                let checked = fuzz.check(&body, new.len(), usual);
                checked.unwrap_or_else(|error| panic!("{name}: {error:#}: {new}"));
                assert!(body.contains("\nredis_up "), "{name}: {body}");
            }
            fuzz.finish().unwrap();
        }
        set(&answers);
    }
    let mut unknown = std::mem::take(&mut shared.lock().unwrap().1);
    // What one kind of server does not know another one does.
    let known = |name: &String| all.iter().any(|start| name.starts_with(start));
    unknown.retain(|name| !known(name));
    assert_eq!(unknown, BTreeSet::new());
}

fn fuzz_choice(corpus: &[String], round: u64) -> &str {
    &corpus[usize::try_from(round).unwrap() % corpus.len()]
}

/// The file of passwords is taken, or refused in words that name it, without a password.
#[tokio::test]
async fn fuzz_password_files() {
    const FILE: &str = "{\"redis://127.0.0.1:1\": \"hunter2\", \"redis://u@[::1]:2\": \"\"}";
    let folder = tests::TemporaryFolder::new("passwords").unwrap();
    let file = folder.path().join("passwords.json");
    let flags =
        ["-redis.addr=127.0.0.1:1".to_owned(), format!("-redis.password-file={}", file.display())];
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let bytes = fuzz.change(FILE.as_bytes());
        std::fs::write(&file, &bytes).unwrap();
        if let Err(error) = support::Running::start(&flags) {
            let error = format!("{error:#}");
            assert!(error.contains("passwords.json") && !error.contains("hunter2"), "{error}");
        }
    }
    fuzz.finish().unwrap();
}

/// What `/scrape` is asked for, of a server that is there.
#[tokio::test]
async fn fuzz_parameters() {
    let server = serve_by(|command| find(&answers("redis_version:7.0.15\r\n"), command)).await;
    let exporter = start(&["-redis.addr=", "-include-system-metrics"]);
    let parameters = "check-keys=db0%3Da*%2Cdb3%3Dk&check-single-keys=db0%3D%27a%2Cb%27%2Ck1\
        &check-streams=s&check-single-streams=x&count-keys=db0%3Dk*&check-key-groups=%5E(k)";
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let changed = fuzz.change_text(parameters);
        let changed = changed.chars().filter(|c| c.is_ascii_graphic() && *c != '#').take(4000);
        // Before it, so that no change makes it another server.
        let changed = changed.collect::<String>().replace("target", "t");
        let path = format!("/scrape?target=redis://{server}&{changed}");
        let answer = exporter.get(&path, &[("X-Prometheus-Scrape-Timeout-Seconds", "1")]).await;
        let Ok(answer) = answer else { continue };
        assert!(matches!(answer.status, 200 | 400), "{path}: {answer:?}");
        if answer.status == 200 {
            let checked = fuzz.check(&answer.body, path.len(), 64 * 1024);
            checked.unwrap_or_else(|error| panic!("{path}: {error:#}"));
        }
    }
    fuzz.finish().unwrap();
}

/// The reply with a text or a number in it changed, and lengths that are right.
fn rewritten(reply: &str, fuzz: &mut Fuzz) -> String {
    let items: Vec<&str> = reply.split_inclusive("\r\n").collect();
    let changed = fuzz.below(items.len().max(1));
    let mut lines = items.iter().enumerate();
    let mut text = String::new();
    while let Some((index, item)) = lines.next() {
        match item.as_bytes().first() {
            Some(b'$') if !item.starts_with("$-") => {
                let Some((_, value)) = lines.next() else { break };
                let value = value.trim_end_matches("\r\n");
                let value = if index == changed { fuzz.change_text(value) } else { value.into() };
                text += &bulk(&value);
            }
            Some(b'+' | b':') if index == changed => {
                let value = fuzz.change_text(item[1..].trim_end()).replace(['\r', '\n'], " ");
                text += &format!("{}{value}\r\n", &item[..1]);
            }
            _ => text += item,
        }
    }
    text
}

/// What all programs have in common: the answer to any request is valid, or a refusal.
#[tokio::test]
async fn fuzz_requests() {
    const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        text/plain;version=1.0.0;q=0.4;escaping=underscores,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const QUERY: &str = "collect[]=server&collect%5B%5D=clients&exclude[]=keys&x=%F0%9F&target=%zz";
    let server = serve_by(|command| find(&answers("redis_version:7.0.15\r\n"), command)).await;
    let exporter = start(&[&format!("-redis.addr={server}"), "-web.enable-openmetrics"]);
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let header = |text: String| -> String {
            text.chars().filter(|c| matches!(c, ' '..='~')).take(8000).collect()
        };
        let query: String = fuzz.change_text(QUERY);
        let query: String = query.chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect();
        let accept = header(fuzz.change_text(ACCEPT));
        let encoding = header(fuzz.change_text("gzip;q=1.0, identity;q=0.5, *;q=0"));
        let timeout = header(fuzz.change_text("9.5"));
        let path = format!("/metrics?{}", query.chars().take(4000).collect::<String>());
        let headers =
            [("Accept", accept.as_str()), ("X-Prometheus-Scrape-Timeout-Seconds", &timeout)];
        // What is no URL cannot be asked for.
        let Ok(answer) = exporter.get(&path, &headers).await else { continue };
        assert!(matches!(answer.status, 200 | 400 | 404), "{path} {headers:?}: {}", answer.status);
        let is_text = answer.header("content-type").starts_with("text/plain; version=0.0.4");
        if answer.status == 200 && is_text {
            let size = path.len() + accept.len();
            fuzz.check(&answer.body, size, 64 * 1024).unwrap();
        }
        let headers = [("Accept-Encoding", encoding.as_str())];
        // A body that is packed is no text; its status counts.
        if let Ok(answer) = exporter.get("/metrics", &headers).await {
            assert!(matches!(answer.status, 200 | 406), "{headers:?}: {}", answer.status);
        }
    }
    fuzz.finish().unwrap();
}

#[test]
fn fuzz_web_configuration() {
    const FILE: &str = "tls_server_config:\n  cert_file: a.pem\n  key_file: a.key\n  \
        client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  min_version: TLS12\n  \
        cipher_suites: [TLS_AES_128_GCM_SHA256]\n  curve_preferences: [X25519]\nhttp_server_config:\n  \
        http2: true\n  headers: {X-Frame-Options: deny}\nbasic_auth_users:\n  a: $2y$10$abc\n\
        rate_limit: {interval: 1s, burst: 20}\n";
    let folder = tests::TemporaryFolder::new("web").unwrap();
    let file = folder.path().join("web.yml");
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let bytes = fuzz.change(FILE.as_bytes());
        std::fs::write(&file, &bytes).unwrap();
        // Taken, or refused in words that name the file.
        if let Err(error) = common::web::Security::from_file(&file) {
            let error = format!("{error:#}");
            assert!(error.contains("web.yml"), "{error}");
        }
    }
    fuzz.finish().unwrap();
}
