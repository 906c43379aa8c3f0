//! Why nothing could be read from a cluster, in a user's words.

use kube::client::AuthError;
use std::error::Error as StdError;
use std::fmt;

/// Whose fault it is; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The kubeconfig or an argument is wrong.
    Configuration,
    /// The cluster could not be reached, or gave nothing.
    Unreadable,
}

/// An error that ends a read before anything was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What went wrong.
    pub message: String,
    /// What to do next, or empty.
    pub hint: String,
}

impl Error {
    pub(crate) fn configuration(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Configuration,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn unreadable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Unreadable,
            ..Self::configuration(message, hint)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

/// An error with everything that it says lies behind it.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    // A chain is short; a cycle of errors would end here.
    for _ in 0..8 {
        let Some(inner) = source else { break };
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

/// Why there are no credentials. What an exec plug-in printed may be one: it is not repeated.
pub(crate) fn credentials(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(error) => {
            format!("the exec plug-in of the kubeconfig cannot be started: {error}")
        }
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let last = said.trim().lines().next_back().unwrap_or_default();
            format!(
                "the exec plug-in of the kubeconfig failed ({}): {last}",
                out.status
            )
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "the exec plug-in of the kubeconfig answers with no ExecCredential".to_owned()
        }
        error => format!("the credentials cannot be had: {}", chain(error)),
    }
}

/// What to do about a connection that failed.
pub(crate) fn connection_hint(text: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&[
        "UnknownIssuer",
        "unable to get local issuer",
        "BadSignature",
    ]) {
        "the server's certificate is not signed by the certificate authority of the kubeconfig: \
         check certificate-authority-data"
    } else if says(&["NotValidForName"]) {
        "the server's certificate is for another name: check server and tls-server-name in the \
         kubeconfig"
    } else if says(&["CertificateExpired", "certificate expired"]) {
        if text.contains("alert") {
            "the server says that the client certificate has expired: renew it"
        } else {
            "the server's certificate has expired, or the clock here is wrong"
        }
    } else if says(&["alert"]) {
        "the server did not take the client certificate: renew it, or check client-certificate-data"
    } else if says(&["onnection refused"]) {
        "nothing listens there: is the cluster running, and is `server` in the kubeconfig right?"
    } else if says(&["dns error", "failed to lookup", "Name or service not known"]) {
        "the name of the server cannot be resolved: check `server` in the kubeconfig"
    } else {
        "`kubectl version` with the same kubeconfig shows whether the cluster can be reached"
    }
}
