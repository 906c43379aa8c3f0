//! A server in this process that speaks like an API server and behaves badly on purpose:
//! what a scan makes of faults, and what scale costs it. What a well-behaved server says is
//! for the real one (`kubernetes_scan.rs`, `tests/e2e/cluster.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test helpers may fail loudly and say what they measure"
)]

use seawall_kubernetes::{Access, ErrorKind, Loaded, Options, Seen, read, watch};
use seawall_model::{Gap, GapKind, SourceMap};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An answer: status (0 is to say nothing for ever), more headers, body.
struct Answer(u16, &'static str, String);

type Handler = dyn Fn(&str, &str, u32) -> Answer + Send + Sync;

/// The server: a handler gets the path with its query, the `Accept` header, and how often
/// this path was asked for.
struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    name: &'static str,
}

impl Fake {
    fn start(name: &'static str, handler: Box<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::default();
        let log: Arc<Mutex<Vec<(String, String)>>> = Arc::clone(&asked);
        let handler: Arc<Handler> = handler.into();
        let counts: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                let counts = Arc::clone(&counts);
                std::thread::spawn(move || serve(stream, &*handler, &log, &counts));
            }
        });
        Self { port, asked, name }
    }

    fn options(&self) -> Options {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.yaml", self.name));
        let text = format!(
            "current-context: {0}\ncontexts: [{{name: {0}, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{1}'}}}}]\n\
             users: [{{name: u, user: {{token: t}}}}]\n",
            self.name, self.port
        );
        std::fs::write(&path, text).unwrap();
        Options {
            access: Access {
                context: None,
                kubeconfig: Some(path),
            },
            ..Options::default()
        }
    }

    fn read(&self) -> Loaded {
        read(&self.options(), &Arc::new(SourceMap::new())).unwrap()
    }

    fn asked(&self, path: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(p, _)| p.starts_with(path)).count()
    }
}

fn serve(
    stream: TcpStream,
    handler: &Handler,
    log: &Mutex<Vec<(String, String)>>,
    counts: &Mutex<HashMap<String, u32>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut accept = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("accept")
            {
                value.trim().clone_into(&mut accept);
            }
        }
        assert!(first.starts_with("GET "), "{first}");
        let path = first.split(' ').nth(1).unwrap().to_owned();
        log.lock().unwrap().push((path.clone(), accept.clone()));
        let count = {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(path.clone()).or_insert(0);
            *count += 1;
            *count
        };
        let Answer(status, headers, body) = handler(&path, &accept, count);
        if status == 0 {
            std::thread::sleep(Duration::from_mins(2));
            return;
        }
        // An answer that promises more than it holds is cut off.
        let (body, missing) = match body.strip_suffix("<cut>") {
            Some(body) => (body, 1000),
            None => (&*body, 0),
        };
        let written = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len() + missing
        );
        if written.is_err() || missing > 0 {
            return;
        }
    }
}

fn ok(body: impl Into<String>) -> Answer {
    Answer(200, "", body.into())
}

fn no(status: u16, headers: &'static str, message: &str) -> Answer {
    let body = format!("{{\"kind\":\"Status\",\"code\":{status},\"message\":\"{message}\"}}");
    Answer(status, headers, body)
}

fn silence() -> Answer {
    Answer(0, "", String::new())
}

/// Discovery: core pods, namespaces and secrets, apps deployments, and two kinds of a group
/// that somebody added.
fn discovery(path: &str) -> Option<Answer> {
    let resource = |name: &str, kind: &str| {
        format!(
            "{{\"resource\":\"{name}\",\"responseKind\":{{\"kind\":\"{kind}\"}},\
             \"scope\":\"Namespaced\",\"verbs\":[\"get\",\"list\"]}}"
        )
    };
    let group = |name: &str, resources: &[String]| {
        format!(
            "{{\"metadata\":{{\"name\":\"{name}\"}},\"versions\":[{{\"version\":\"v1\",\
             \"freshness\":\"Current\",\"resources\":[{}]}}]}}",
            resources.join(",")
        )
    };
    let list = |groups: &[String]| {
        format!(
            "{{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{}]}}",
            groups.join(",")
        )
    };
    Some(match path {
        "/version" => ok("{\"major\":\"1\",\"minor\":\"36+\"}"),
        "/api" => ok(list(&[group(
            "",
            &[resource("pods", "Pod"), resource("secrets", "Secret")],
        )])),
        "/apis" => ok(list(&[
            group("apps", &[resource("deployments", "Deployment")]),
            group(
                "added.example",
                &[
                    resource("eels", "Eel"),
                    resource("gulls", "Gull"),
                    resource("seals", "Seal"),
                    resource("terns", "Tern"),
                    resource("whales", "Whale"),
                ],
            ),
        ])),
        _ => return None,
    })
}

/// The gaps of reading; a pod in a list of something else is one of its own.
fn unreadable(loaded: &Loaded) -> Vec<&Gap> {
    let gaps = loaded.coverage.gaps.iter();
    gaps.filter(|gap| gap.kind != GapKind::Invalid).collect()
}

const EMPTY: &str = "{\"kind\":\"XList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}";

fn pod(number: usize, padding: &str) -> String {
    format!(
        "{{\"metadata\":{{\"name\":\"p{number}\",\"namespace\":\"n{}\",\"uid\":\"u{number}\",\
         \"resourceVersion\":\"{number}\",\"labels\":{{\"app\":\"a{number}\"}},\
         \"annotations\":{{\"x\":\"{padding}\"}},\
         \"managedFields\":[{{\"manager\":\"kubectl\",\"operation\":\"Update\",\
         \"fieldsV1\":{{\"f:spec\":{{\"f:containers\":{{\"k:app\":{{\".\":{{}},\"f:image\":{{}}}}}}}}}}}}]}},\
         \"spec\":{{\"containers\":[{{\"name\":\"app\",\"image\":\"registry.example/app:1.{number}\",\
         \"securityContext\":{{\"privileged\":true}},\"resources\":{{\"limits\":{{\"cpu\":\"1\",\"memory\":\"1Gi\"}}}},\
         \"env\":[{{\"name\":\"A\",\"value\":\"b\"}}],\"volumeMounts\":[{{\"name\":\"v\",\"mountPath\":\"/v\"}}]}}],\
         \"volumes\":[{{\"name\":\"v\",\"emptyDir\":{{}}}}],\"serviceAccountName\":\"default\",\
         \"nodeName\":\"node-1\",\"schedulerName\":\"default-scheduler\"}},\
         \"status\":{{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\",\"conditions\":[\
         {{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}}]}}}}",
        number % 50,
    )
}

/// A page of pods.
fn pods(from: usize, to: usize, next: &str, padding: &str) -> String {
    let mut body = format!(
        "{{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"9\",\
         \"continue\":\"{next}\"}},\"items\":["
    );
    for number in from..to {
        let comma = if number > from { "," } else { "" };
        let _ = write!(body, "{comma}{}", pod(number, padding));
    }
    body.push_str("]}");
    body
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let fake = Fake::start(
        "busy",
        Box::new(|path, _, count| {
            discovery(path).unwrap_or_else(|| match path {
                p if p.starts_with("/api/v1/pods") && count < 3 => {
                    no(429, "Retry-After: 1\r\n", "too many requests")
                }
                p if p.starts_with("/api/v1/pods") => ok(pods(0, 3, "", "")),
                p if p.starts_with("/apis/apps") && count < 3 => no(503, "", "leader is changing"),
                _ => ok(EMPTY),
            })
        }),
    );
    let start = Instant::now();
    let loaded = fake.read();
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(loaded.coverage.gaps, []);
    assert_eq!(loaded.coverage.looked_at, 3);
    assert_eq!(loaded.version.unwrap().minor, 36);
    assert_eq!(fake.asked("/api/v1/pods"), 3);
    assert_eq!(fake.asked("/apis/apps"), 3);
    // Only the names of Secrets were asked for.
    let asked = fake.asked.lock().unwrap();
    let secrets = asked.iter().find(|(path, _)| path.contains("/secrets"));
    assert!(secrets.unwrap().1.contains("PartialObjectMetadataList"));
}

#[test]
fn a_server_that_stays_busy_is_given_up() {
    let fake = Fake::start(
        "down",
        Box::new(|path, _, _| {
            discovery(path).unwrap_or_else(|| match path {
                p if p.starts_with("/api/v1/pods") => no(500, "", "etcd is down"),
                _ => ok(EMPTY),
            })
        }),
    );
    let loaded = fake.read();
    let [gap] = &loaded.coverage.gaps[..] else {
        panic!("{:?}", loaded.coverage)
    };
    assert!(gap.reason.contains("etcd is down"), "{gap:?}");
    assert_eq!(fake.asked("/api/v1/pods"), 3);
}

#[test]
fn a_list_that_expires_begins_again_once() {
    let fake = Fake::start(
        "gone",
        Box::new(|path, _, count| {
            discovery(path).unwrap_or_else(|| match path {
                "/api/v1/pods?limit=200" => ok(pods(0, 500, "a b", "")),
                "/api/v1/pods?limit=200&continue=a%20b" if count == 1 => no(410, "", "expired"),
                "/api/v1/pods?limit=200&continue=a%20b" => ok(pods(500, 600, "", "")),
                "/apis/apps/v1/deployments?limit=200" => ok(pods(0, 1, "x", "")),
                "/apis/apps/v1/deployments?limit=200&continue=x" => no(410, "", "expired"),
                _ => ok(EMPTY),
            })
        }),
    );
    let loaded = fake.read();
    assert_eq!(fake.asked("/api/v1/pods"), 4);
    assert_eq!(fake.asked("/apis/apps"), 4);
    assert_eq!(loaded.coverage.looked_at, 601);
    let gaps = unreadable(&loaded);
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert!(
        gap.reason.starts_with("the rest of apps/deployments"),
        "{gap:?}"
    );
}

#[test]
fn what_hangs_costs_its_time_once() {
    let fake = Fake::start(
        "hang",
        Box::new(|path, _, _| {
            discovery(path).unwrap_or_else(|| {
                if path.starts_with("/apis/added.example") {
                    silence()
                } else {
                    ok(pods(0, 2, "", ""))
                }
            })
        }),
    );
    let start = Instant::now();
    let loaded = fake.read();
    let elapsed = start.elapsed();
    println!("five kinds of a group that hangs: {elapsed:?}");
    assert!(elapsed < Duration::from_secs(12), "{elapsed:?}");
    let gaps = unreadable(&loaded);
    assert_eq!(gaps.len(), 5, "{gaps:?}");
    assert_eq!(loaded.coverage.looked_at, 6);
    assert!(gaps[0].hint.contains("apiservices"));
}

#[test]
fn broken_answers_are_gaps() {
    let fake = Fake::start(
        "broken",
        Box::new(|path, _, _| {
            discovery(path).unwrap_or_else(|| match path {
                p if p.starts_with("/api/v1/pods") => ok("{\"kind\":\"PodList\",\"items\":[<cut>"),
                p if p.contains("deployments") => ok("<html>log in first</html>"),
                p if p.contains("eels") => ok("{\"items\": 5}"),
                p if p.contains("gulls") => ok("[1, 2]"),
                p if p.contains("seals") => ok("{\"items\": [1, null, {\"metadata\": []}, {}]}"),
                p if p.contains("terns") => no(404, "", "not here"),
                p if p.contains("whales") => no(403, "", "no whales for you"),
                _ => ok(EMPTY),
            })
        }),
    );
    let loaded = fake.read();
    let reasons: Vec<&str> = loaded
        .coverage
        .gaps
        .iter()
        .map(|gap| &*gap.reason)
        .collect();
    for word in [
        "pods cannot be listed",
        "apps/deployments",
        "gulls",
        "may not list added.example/whales",
    ] {
        assert!(
            reasons.iter().any(|r| r.contains(word)),
            "{word}: {reasons:?}"
        );
    }
    assert!(!reasons.iter().any(|r| r.contains("terns")), "{reasons:?}");
}

#[test]
fn a_server_that_is_none_is_an_error() {
    for (name, status, body, says) in [
        (
            "html",
            200,
            "<html></html>",
            "not the JSON of an API server",
        ),
        ("teapot", 418, "<html></html>", "418"),
        (
            "expired",
            401,
            "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}",
            "credentials",
        ),
    ] {
        let fake = Fake::start(
            name,
            Box::new(move |_, _, _| Answer(status, "", body.to_owned())),
        );
        let error = read(&fake.options(), &Arc::new(SourceMap::new())).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreadable);
        assert!(error.message.contains(says), "{error:?}");
    }
}

#[test]
fn a_newer_cluster_is_a_gap() {
    let fake = Fake::start(
        "newer",
        Box::new(|path, _, _| match path {
            "/version" => ok(
                "{\"major\":\"1\",\"minor\":\"37\",\"emulationMajor\":\"1\",\"emulationMinor\":\"44\"}",
            ),
            path => discovery(path).unwrap_or_else(|| ok(EMPTY)),
        }),
    );
    let loaded = fake.read();
    assert_eq!(loaded.version.unwrap().minor, 44);
    assert!(loaded.coverage.gaps[0].reason.contains("newer than v1.37"));
}

#[test]
fn a_page_of_large_objects_is_cut_in_smaller_ones() {
    let fake = Fake::start(
        "large",
        Box::new(|path, _, _| {
            let padding = || "x".repeat(1_500_000);
            discovery(path).unwrap_or_else(|| match path {
                "/api/v1/pods?limit=200" => ok(pods(0, 60, "", &padding())),
                "/api/v1/pods?limit=20" => ok(pods(0, 30, "b", &padding())),
                "/api/v1/pods?limit=20&continue=b" => ok(pods(30, 60, "", &padding())),
                _ => ok(EMPTY),
            })
        }),
    );
    let loaded = fake.read();
    assert_eq!(loaded.coverage.gaps, []);
    assert_eq!(loaded.coverage.looked_at, 60);
}

#[test]
fn a_watch_that_loses_its_place_lists_again() {
    let fake = Fake::start(
        "lost",
        Box::new(|path, _, count| {
            discovery(path).unwrap_or_else(|| match path {
                p if p.starts_with("/api/v1/pods?watch") && count == 1 => {
                    ok("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n")
                }
                p if p.contains("watch=1") => silence(),
                p if p.starts_with("/api/v1/pods") && count == 1 => ok(pods(0, 3, "", "")),
                p if p.starts_with("/api/v1/pods") => ok(pods(2, 4, "", "")),
                _ => ok(EMPTY),
            })
        }),
    );
    let mut seen = Vec::new();
    let map = Arc::new(SourceMap::new());
    watch(&fake.options(), &map, &mut |now: &Seen<'_>| {
        let names = now
            .snapshot
            .objects()
            .map(|(_, o)| o.reference.name.to_string());
        let mut names: Vec<String> = names.collect();
        names.sort();
        seen.push(names.join(" "));
        seen.last().unwrap() != "p2 p3"
    })
    .unwrap();
    assert_eq!(seen.first().unwrap(), "p0 p1 p2");
}

/// `cargo test --release -p seawall-tests --test kubernetes_faults -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn scale() {
    let fake = Fake::start(
        "scale",
        Box::new(|path, _, _| {
            discovery(path).unwrap_or_else(|| {
                let all = if path.contains("/pods") {
                    10_000
                } else {
                    4_000
                };
                let from: usize = path
                    .split_once("continue=")
                    .map_or(0, |(_, from)| from.parse().unwrap());
                let to = (from + 500).min(all);
                let next = if to < all {
                    to.to_string()
                } else {
                    String::new()
                };
                ok(pods(from, to, &next, ""))
            })
        }),
    );
    let start = Instant::now();
    let loaded = fake.read();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{} objects in {:?}, {peak:?}",
        loaded.coverage.looked_at,
        start.elapsed()
    );
}
