//! From a kubeconfig, or from inside of a pod, to a client.

use crate::error::{Error, chain, credentials};
use crate::server::Server;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use seawall_model::Str;
use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, and as whom.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The context of the kubeconfig; its current one without.
    pub context: Option<String>,
    /// The kubeconfig; `KUBECONFIG`, `~/.kube/config` or the identity of the pod without.
    pub kubeconfig: Option<PathBuf>,
}

/// What a user calls the cluster, and how to ask it.
pub(crate) async fn connect(access: &Access) -> Result<Server, Error> {
    let (name, config) = match kubeconfig(access)? {
        Some(kubeconfig) => {
            let name = access
                .context
                .clone()
                .or_else(|| kubeconfig.current_context.clone())
                .unwrap_or_default();
            let known: Vec<String> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
            (name, from(kubeconfig, access, &known).await?)
        }
        None => ("in-cluster".to_owned(), inside()?),
    };
    let address = config.cluster_url.to_string();
    Ok(Server::new(client(config)?, Str::from(name), &address))
}

/// The kubeconfig; `None` when there is none but this is a pod.
fn kubeconfig(access: &Access) -> Result<Option<Kubeconfig>, Error> {
    let read = match &access.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let error = match read {
        Ok(kubeconfig) if access.context.is_none() && is_empty(&kubeconfig) && in_pod() => {
            return Ok(None);
        }
        Ok(kubeconfig) => return Ok(Some(kubeconfig)),
        Err(error) => error,
    };
    let named = access.kubeconfig.is_some() || access.context.is_some();
    match error {
        KubeconfigError::ReadConfig(_, _) | KubeconfigError::FindPath if !named && in_pod() => {
            Ok(None)
        }
        KubeconfigError::ReadConfig(cause, path) => Err(Error::configuration(
            format!("cannot read the kubeconfig {}: {cause}", path.display()),
            "KUBECONFIG says where it is; `kubectl config view` shows it",
        )),
        KubeconfigError::FindPath => Err(Error::configuration(
            "there is no kubeconfig",
            "set KUBECONFIG, or log in to the cluster with the tool of its provider",
        )),
        error => Err(Error::configuration(
            format!("the kubeconfig cannot be used: {}", chain(&error)),
            "`kubectl config view` shows it",
        )),
    }
}

fn is_empty(kubeconfig: &Kubeconfig) -> bool {
    kubeconfig.contexts.is_empty() && kubeconfig.clusters.is_empty()
}

/// Whether Kubernetes started this process.
fn in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn inside() -> Result<Config, Error> {
    Config::incluster().map_err(|error| {
        Error::configuration(
            format!("the identity of this pod cannot be used: {}", chain(&error)),
            "give the pod a service account with automountServiceAccountToken: true",
        )
    })
}

async fn from(kubeconfig: Kubeconfig, access: &Access, known: &[String]) -> Result<Config, Error> {
    if let Some(context) = &access.context
        && !known.contains(context)
    {
        return Err(Error::configuration(
            format!("the kubeconfig has no context `{context}`"),
            contexts(known),
        ));
    }
    let options = KubeConfigOptions {
        context: access.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| match error {
        KubeconfigError::CurrentContextNotSet => {
            Error::configuration("the kubeconfig has no current context", contexts(known))
        }
        KubeconfigError::LoadContext(context) => Error::configuration(
            format!("the kubeconfig has no context `{context}`, which it says is the current one"),
            contexts(known),
        ),
        error => Error::configuration(
            format!("the kubeconfig cannot be used: {}", chain(&error)),
            "`kubectl config view` shows it",
        ),
    })
}

fn contexts(known: &[String]) -> String {
    if known.is_empty() {
        "it has no contexts at all: log in to a cluster first".to_owned()
    } else {
        format!("choose one with --context: {}", known.join(", "))
    }
}

fn client(mut config: Config) -> Result<Client, Error> {
    config.connect_timeout = Some(CONNECT);
    // `server` has the time limits and tries again itself: it knows what hangs for whom.
    config.read_timeout = None;
    config.default_retry = false;
    let exec = config.auth_info.exec.as_ref();
    let plug_in = exec.and_then(|exec| exec.command.clone());
    let install_hint = exec
        .and_then(|exec| exec.install_hint.clone())
        .unwrap_or_else(|| "install it, or choose another --context".to_owned());
    Client::try_from(config).map_err(|error| match error {
        kube::Error::Auth(error) => Error::configuration(
            match &plug_in {
                Some(command) => format!("{} (`{command}`)", credentials(&error)),
                None => credentials(&error),
            },
            install_hint,
        ),
        error => Error::configuration(
            format!("the kubeconfig cannot be used: {}", chain(&error)),
            "check its certificates, keys, exec plug-in and proxy-url",
        ),
    })
}
