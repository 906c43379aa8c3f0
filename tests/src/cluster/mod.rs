//! A real control plane for tests: etcd and kube-apiserver on loopback, with certificates of
//! their own, an audit log, and identities with all rights, with few and with none.
//!
//! The program is built by `tests/oracle/build kubernetes`. Where it is not there the tests
//! say `skipped: …`; where `CI` is set they build it, and fail when they cannot.

// Tests assert: a helper that fails is a test that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod apply;
mod certificates;
mod policies;

use apply::Api;
use certificates::Certificates;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The token of an identity that may do everything.
pub const FULL: &str = "full-token";
/// The token of an identity that may do what the tests grant to the user `restricted`.
pub const RESTRICTED: &str = "restricted-token";

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `1.34` to `1.37`; the program's own version without.
    pub emulated_version: Option<&'static str>,
    /// More flags of the API server.
    pub flags: Vec<String>,
}

/// A running control plane. It ends with this value, and with the test.
pub struct Cluster {
    dir: PathBuf,
    parts: Vec<Child>,
    pub port: u16,
    pub certificates: Certificates,
    pub api: Api,
}

impl Cluster {
    /// Starts a control plane; `None` when it cannot be built here.
    pub fn start(options: &Options) -> Option<Self> {
        let program = program()?;
        let mut trouble = String::new();
        // Somebody else may take a free port before we do.
        for _ in 0..3 {
            match Self::try_start(&program, options) {
                Ok(cluster) => return Some(cluster),
                Err(text) => trouble = text,
            }
        }
        panic!("the control plane does not start: {trouble}");
    }

    fn try_start(program: &Path, options: &Options) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("seawall-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let certificates = Certificates::new();
        for (name, text) in [
            ("ca.crt", &certificates.ca),
            ("server.crt", &certificates.server.0),
            ("server.key", &certificates.server.1),
            ("sa.key", &certificates.accounts.0),
            ("sa.pub", &certificates.accounts.1),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
        fs::write(
            dir.join("tokens.csv"),
            format!("{FULL},full,1,\"system:masters\"\n{RESTRICTED},restricted,2,\"\"\n"),
        )
        .unwrap();
        fs::write(
            dir.join("audit.yaml"),
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
             rules:\n  - level: Metadata\n",
        )
        .unwrap();
        let (etcd_port, peer_port, port) = (free_port(), free_port(), free_port());
        let mut cluster = Self {
            api: Api::new(&certificates, port, FULL),
            dir,
            parts: Vec::new(),
            port,
            certificates,
        };
        cluster.part(program, "etcd", &etcd(&cluster.dir, etcd_port, peer_port));
        cluster.wait("etcd", || health(etcd_port))?;
        let mut flags = api_server(&cluster.dir, etcd_port, port);
        if let Some(version) = options.emulated_version {
            flags.push(format!("--emulated-version={version}"));
        }
        flags.extend(options.flags.iter().cloned());
        cluster.part(program, "apiserver", &flags);
        let ready = cluster.api.clone();
        cluster.wait("apiserver", || ready.get_text("/readyz") == "ok")?;
        fs::write(cluster.kubeconfig(), cluster.kubeconfig_text()).unwrap();
        for namespace in ["default", "kube-system"] {
            cluster
                .api
                .wait_for(&format!("/api/v1/namespaces/{namespace}"));
            cluster.api.account(namespace);
        }
        Ok(cluster)
    }

    fn part(&mut self, program: &Path, role: &str, flags: &[String]) {
        let log = fs::File::create(self.dir.join(format!("{role}.log"))).unwrap();
        let child = Command::new(program)
            .arg(role)
            .args(flags)
            .env("EXIT_WITH_STDIN", "1")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.parts.push(child);
    }

    fn wait(&mut self, role: &str, ready: impl Fn() -> bool) -> Result<(), String> {
        let start = Instant::now();
        while !ready() {
            let ended = self.parts.last_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || start.elapsed() > Duration::from_mins(2) {
                let log = fs::read_to_string(self.dir.join(format!("{role}.log"))).unwrap();
                let tail: Vec<&str> = log.lines().rev().take(8).collect();
                return Err(format!("{role} ({ended:?}):\n{}", tail.join("\n")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The API server, asked with another token.
    pub fn with_token(&self, token: &str) -> Api {
        Api::new(&self.certificates, self.port, token)
    }

    /// A directory that goes with the cluster.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A kubeconfig with the contexts `admin` (a client certificate), `full` and
    /// `restricted` (tokens), and `stranger` (a token that nobody knows).
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    fn kubeconfig_text(&self) -> String {
        let (certificate, key) = &self.certificates.admin;
        let mut text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: full\nclusters:\n\
             - name: oracle\n  cluster:\n    server: https://127.0.0.1:{}\n    \
             certificate-authority-data: {}\nusers:\n\
             - name: admin\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            self.port,
            base64(&self.certificates.ca),
            base64(certificate),
            base64(key),
        );
        let users = [
            ("full", FULL),
            ("restricted", RESTRICTED),
            ("stranger", "wrong-token"),
        ];
        for (name, token) in users {
            let _ = write!(text, "- name: {name}\n  user:\n    token: {token}\n");
        }
        text += "contexts:\n";
        for name in ["admin", "full", "restricted", "stranger"] {
            let context = format!("{{cluster: oracle, user: {name}}}");
            let _ = write!(text, "- name: {name}\n  context: {context}\n");
        }
        text
    }

    /// The audit log: one event for each request so far.
    pub fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("audit.log")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The API server first: it complains loudly when etcd goes away.
        for part in self.parts.iter_mut().rev() {
            let _ = part.kill();
            let _ = part.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The control plane's program; `None` says why on standard output.
fn program() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join(".cache/oracle/kubernetes");
    let required = std::env::var_os("CI").is_some();
    if !required && !program.is_file() {
        println!("skipped: no control plane; `tests/oracle/build kubernetes` builds it");
        return None;
    }
    let built = Command::new(root.join("tests/oracle/build"))
        .arg("kubernetes")
        .output()
        .expect("tests/oracle/build runs");
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    if built.status.code() == Some(77) && !required {
        println!("skipped: no Go, so there is no control plane");
        return None;
    }
    assert!(built.status.success(), "no control plane: {said}");
    Some(program)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether etcd says that it is well.
fn health(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut answer = String::new();
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let _ = stream
        .write_all(request)
        .and_then(|()| stream.read_to_string(&mut answer).map(|_| ()));
    answer.contains("\"health\":\"true\"")
}

fn etcd(dir: &Path, port: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{peer}"),
    );
    [
        "--name=t".to_owned(),
        format!("--data-dir={}", dir.join("etcd").display()),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
        "--heartbeat-interval=10".to_owned(),
        "--election-timeout=100".to_owned(),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=t={peer}"),
    ]
    .into()
}

fn api_server(dir: &Path, etcd: u16, port: u16) -> Vec<String> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", dir.join(name).display());
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        // A loopback address cannot be an endpoint.
        "--endpoint-reconciler-type=none".to_owned(),
        file("tls-cert-file", "server.crt"),
        file("tls-private-key-file", "server.key"),
        file("client-ca-file", "ca.crt"),
        file("token-auth-file", "tokens.csv"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--anonymous-auth=false".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        file("service-account-key-file", "sa.pub"),
        file("service-account-signing-key-file", "sa.key"),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--allow-privileged".to_owned(),
        file("audit-policy-file", "audit.yaml"),
        file("audit-log-path", "audit.log"),
    ]
}

/// Base64 as kubeconfigs have it.
pub fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= three.len() {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
    }
    out
}
