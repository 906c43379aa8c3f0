//! Applications that run what they are sent, and settings that leave their door open.
//!
//! Known by their image and their settings, as data: what such an application is called, and
//! what shows that nobody is asked who they are.

use crate::graph::Place;
use crate::picture::Workload;
use seawall_model::Span;
use seawall_snapshot::Container;
use seawall_snapshot::pod::EnvSource;

/// An application that is open to anybody unless it is told otherwise.
struct App {
    /// The last part of the image's name.
    image: &'static str,
    /// What it is.
    name: &'static str,
    /// What has to be there for it to be open: one of these words in its command, arguments
    /// or environment (`NAME=value`); none if it is open by itself.
    open: &'static [&'static str],
    /// What closes it.
    closed: &'static [&'static str],
}

const APPS: &[App] = &[
    App {
        image: "docker",
        name: "a Docker daemon on TCP",
        open: &[
            "--host=tcp://",
            "-h=tcp://",
            "tcp://0.0.0.0:2375",
            "docker_tls_certdir=",
        ],
        closed: &["--tlsverify"],
    },
    App {
        image: "solr",
        name: "Solr, which runs templates and configurations",
        open: &[],
        closed: &["solr_auth_type="],
    },
    App {
        image: "notebook",
        name: "a notebook server",
        open: &[
            "--notebookapp.token=''",
            "--notebookapp.token=",
            "--serverapp.token=",
            "notebookapp.token=''",
        ],
        closed: &["--notebookapp.password=", "--serverapp.password="],
    },
    App {
        image: "argocli",
        name: "Argo Workflows' server",
        open: &["--auth-mode=server"],
        closed: &[],
    },
    App {
        image: "dashboard",
        name: "the Kubernetes dashboard",
        open: &["--enable-skip-login"],
        closed: &[],
    },
    App {
        image: "spark",
        name: "a Spark master",
        open: &[],
        closed: &["spark.authenticate=true"],
    },
    App {
        image: "flink",
        name: "Flink, which runs uploaded programs",
        open: &[],
        closed: &["security.ssl.rest.authentication"],
    },
    App {
        image: "ray",
        name: "a Ray head, which runs submitted jobs",
        open: &[],
        closed: &[],
    },
    App {
        image: "tiller",
        name: "Tiller",
        open: &[],
        closed: &["--tls-verify"],
    },
    App {
        image: "selenium",
        name: "Selenium",
        open: &[],
        closed: &["se_router_username="],
    },
];

/// What shows that a workload runs what anybody sends it.
pub(crate) fn open_to_anybody(workload: &Workload<'_>) -> Option<Place> {
    workload.template.containers.iter().find_map(|container| {
        let image = container.image.as_ref()?;
        let name = image.value.split('@').next().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let (name, tag) = name.split_once(':').unwrap_or((name, ""));
        let app = APPS.iter().find(|app| {
            let is_it = name == app.image || name.ends_with(&format!("-{}", app.image));
            // Docker's client has the image of its daemon, with another tag.
            is_it && (app.image != "docker" || tag.contains("dind"))
        })?;
        let words = words(container);
        let says = |word: &&str| words.iter().any(|(said, _)| said.contains(*word));
        if app.closed.iter().any(says) {
            return None;
        }
        let opened = words
            .iter()
            .find(|(said, _)| app.open.iter().any(|word| said.contains(word)));
        if !app.open.is_empty() && opened.is_none() {
            return None;
        }
        Some(Place {
            note: format!(
                "container {} is {}, open to anybody",
                container.name, app.name
            )
            .into(),
            object: workload.object.reference.clone(),
            span: opened.map_or(image.span, |(_, span)| *span),
            mend: None,
        })
    })
}

/// Everything that a container is told, in lower case, with its place.
fn words(container: &Container) -> Vec<(String, Span)> {
    let told = container.command.iter().chain(&container.args);
    let mut words: Vec<(String, Span)> = told
        .map(|word| (word.value.to_ascii_lowercase(), word.span))
        .collect();
    for variable in &container.env {
        if let EnvSource::Literal(value) = &variable.source {
            let word = format!("{}={}", variable.name, value.value).to_ascii_lowercase();
            words.push((word, variable.span));
        }
    }
    words
}
