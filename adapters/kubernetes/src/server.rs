//! One API server: requests with time limits, a bounded number of tries, and a largest
//! answer.

use crate::error::{Error, chain, connection_hint, credentials};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use seawall_model::{FileId, Str};
use seawall_yaml::{Limits, Node};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long the server may take to begin an answer, and between two pieces of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const WHOLE: Duration = Duration::from_mins(1);
/// The largest answer, in bytes. Longer lists are asked for in shorter pages.
pub(crate) const LARGEST: usize = 64 << 20;
/// Tries of a request that the server is too busy for (429), and of one that fails.
const BUSY_TRIES: u32 = 6;
const FAILED_TRIES: u32 = 3;
/// The longest that the server can make us wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Accepts JSON only; protobuf would need types.
pub(crate) const JSON: &str = "application/json";
/// The metadata of the objects of a list, without their content.
pub(crate) const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The same of an object in a watch.
pub(crate) const METADATA_ONE: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// An API server and what the user calls it.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    /// The context's name.
    pub(crate) name: Str,
    /// Its URL.
    pub(crate) address: Str,
}

/// Why a request gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server answered with an error.
    Status { code: u16, message: String },
    /// No answer in time.
    Slow(Duration),
    /// The answer is larger than [`LARGEST`].
    Large,
    /// The connection failed.
    Connection(String),
    /// The kubeconfig's credentials could not be had (an exec plug-in that fails).
    Credentials(String),
}

impl Failure {
    /// What went wrong, one sentence without a full stop.
    pub(crate) fn reason(&self) -> String {
        match self {
            Failure::Status { code, message } if message.is_empty() => {
                format!("the server answered {code}")
            }
            Failure::Status { code, message } => format!("the server answered {code}: {message}"),
            Failure::Slow(after) => format!("no answer within {} s", after.as_secs().max(1)),
            Failure::Large => format!("the answer is larger than {} MiB", LARGEST >> 20),
            Failure::Connection(text) | Failure::Credentials(text) => text.clone(),
        }
    }

    pub(crate) fn code(&self) -> u16 {
        match self {
            Failure::Status { code, .. } => *code,
            _ => 0,
        }
    }
}

/// One try: what the server said, and when it wants to be asked again.
enum Tried {
    Done(Result<Vec<u8>, Failure>),
    Again(Failure, Option<Duration>),
}

impl Server {
    pub(crate) fn new(client: Client, name: Str, address: &str) -> Self {
        Self {
            client,
            name,
            address: address.trim_end_matches('/').into(),
        }
    }

    /// The body of a `GET`.
    pub(crate) async fn get(
        &self,
        path: &str,
        accept: &str,
        patience: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (failure, wanted) = match self.once(path, accept, patience).await {
                Tried::Done(done) => return done,
                Tried::Again(failure, wanted) => (failure, wanted),
            };
            let most = match failure.code() {
                429 => BUSY_TRIES,
                _ => FAILED_TRIES,
            };
            if tries >= most {
                return Err(failure);
            }
            let own = Duration::from_millis(200) * 2_u32.pow(tries.min(5));
            sleep(wanted.unwrap_or(own).min(LONGEST_WAIT)).await;
        }
    }

    async fn once(&self, path: &str, accept: &str, patience: Duration) -> Tried {
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(Body::empty());
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                let text = format!("`{path}` is no path: {error}");
                return Tried::Done(Err(Failure::Connection(text)));
            }
        };
        let response = match timeout(patience, self.client.send(request)).await {
            Err(_) => return Tried::Done(Err(Failure::Slow(patience))),
            Ok(Err(kube::Error::Auth(error))) => {
                return Tried::Done(Err(Failure::Credentials(credentials(&error))));
            }
            Ok(Err(error)) => {
                let text = chain(&error);
                // What the two sides cannot agree about does not change by asking again.
                let final_word = ["ertificate", "refused", "dns error", "alert"];
                let failure = Failure::Connection(plain(&text).to_owned());
                if final_word.iter().any(|word| text.contains(word)) {
                    return Tried::Done(Err(failure));
                }
                return Tried::Again(failure, None);
            }
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        let wanted = retry_after(&response);
        let body = match timeout(WHOLE, collect(response.into_body(), patience)).await {
            Err(_) => return Tried::Done(Err(Failure::Slow(WHOLE))),
            Ok(Err(failure @ Failure::Connection(_))) => return Tried::Again(failure, None),
            Ok(body) => body,
        };
        if status.is_success() {
            return Tried::Done(body);
        }
        let failure = Failure::Status {
            code: status.as_u16(),
            message: body.map(|body| message(&body)).unwrap_or_default(),
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Tried::Again(failure, wanted),
            _ => Tried::Done(Err(failure)),
        }
    }

    /// An answer that comes line by line and may never end. It is asked for once.
    pub(crate) async fn lines(
        &self,
        path: &str,
        accept: &str,
        patience: Duration,
    ) -> Result<Lines, Failure> {
        let broken = |text: String| Failure::Connection(text);
        let request = Request::get(path)
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .map_err(|error| broken(error.to_string()))?;
        let response = match timeout(patience, self.client.send(request)).await {
            Err(_) => return Err(Failure::Slow(patience)),
            Ok(Err(error)) => return Err(broken(chain(&error))),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_success() {
            return Ok(Lines {
                body: response.into_body(),
                rest: Vec::new(),
            });
        }
        let body = collect(response.into_body(), patience).await;
        Err(Failure::Status {
            code: status.as_u16(),
            message: body.map(|body| message(&body)).unwrap_or_default(),
        })
    }

    /// The document behind a `GET`.
    pub(crate) async fn document(&self, path: &str, accept: &str) -> Result<Node, Failure> {
        let bytes = self.get(path, accept, PATIENCE).await?;
        parse(&bytes).ok_or_else(|| {
            Failure::Connection("the answer is not the JSON of an API server".to_owned())
        })
    }

    /// The first words with the server: whether it is one, and of which version.
    pub(crate) async fn version(&self) -> Result<Node, Error> {
        let failure = match self.document("/version", JSON).await {
            Ok(node) => return Ok(node),
            Err(failure) => failure,
        };
        let address = &self.address;
        Err(match failure {
            Failure::Status { code: 401, .. } => Error::unreadable(
                format!("{address} does not accept the credentials (401)"),
                "they may have expired: log in again, or choose another --context",
            ),
            // Who may not ask for the version may still read objects.
            Failure::Status { code: 403, .. } => return Ok(Node::null()),
            Failure::Credentials(text) => Error::configuration(
                text,
                "the kubeconfig's exec plug-in or token file has to work: try `kubectl version`",
            ),
            Failure::Slow(_) => Error::unreadable(
                format!("{address} does not answer: {}", failure.reason()),
                "is the cluster reachable from here (VPN, proxy-url in the kubeconfig)?",
            ),
            failure => {
                let text = failure.reason();
                Error::unreadable(
                    format!("cannot reach {address}: {text}"),
                    connection_hint(&text),
                )
            }
        })
    }
}

/// An answer that comes line by line.
pub(crate) struct Lines {
    body: Body,
    /// What has come of the next line.
    rest: Vec<u8>,
}

impl Lines {
    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self, silence: Duration) -> Result<Option<Vec<u8>>, Failure> {
        let mut looked = 0;
        loop {
            let new = self.rest.get(looked..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                let tail = self.rest.split_off(looked + at + 1);
                return Ok(Some(std::mem::replace(&mut self.rest, tail)));
            }
            looked = self.rest.len();
            let frame = match timeout(silence, self.body.frame()).await {
                Err(_) => return Err(Failure::Slow(silence)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Failure::Connection(chain(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                if self.rest.len() + data.len() > LARGEST {
                    return Err(Failure::Large);
                }
                self.rest.extend_from_slice(&data);
            }
        }
    }
}

/// What a library says without its own name in front.
fn plain(text: &str) -> &str {
    ["ServiceError: ", "HyperError: ", "client error (Connect): "]
        .iter()
        .fold(text, |text, prefix| {
            text.strip_prefix(prefix).unwrap_or(text)
        })
}

/// The tree of a JSON text.
pub(crate) fn parse(bytes: &[u8]) -> Option<Node> {
    let limits = Limits {
        max_bytes: LARGEST,
        ..Limits::default()
    };
    let stream = seawall_yaml::parse_bytes(bytes, FileId::UNKNOWN, &limits);
    let root = stream.documents.into_iter().next()?.root;
    (stream.problems.is_empty() && root.as_map().is_some()).then_some(root)
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}

async fn collect(mut body: Body, patience: Duration) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    loop {
        let frame = match timeout(patience, body.frame()).await {
            Err(_) => return Err(Failure::Slow(patience)),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(error))) => {
                return Err(Failure::Connection(format!(
                    "the connection broke in the middle of an answer: {}",
                    chain(&error)
                )));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > LARGEST {
                return Err(Failure::Large);
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// The longest part of a server's message that is passed on.
const MESSAGE: usize = 300;

/// What a `Status`, or a plain text, says.
fn message(body: &[u8]) -> String {
    let said = parse(body)
        .and_then(|node| Some(node.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let mut said = said.replace(['\n', '\r'], " ");
    if said.starts_with('<') {
        // A proxy's page.
        "not an API server's answer".clone_into(&mut said);
    }
    said.truncate(said.floor_char_boundary(MESSAGE));
    said
}
