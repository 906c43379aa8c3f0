//! Applications that do what anybody tells them, by their settings: some run what they are
//! sent, some act with the rights of their account, some give away what they keep.
//!
//! Known by the name of their image or program, as data: what shows that such an application
//! asks nobody who they are, and what shows that it does. Where only a configuration file would
//! tell, that file counts as a lock: no door is guessed open.

use crate::graph::Place;
use crate::picture::Workload;
use seawall_model::Span;
use seawall_snapshot::Container;
use seawall_snapshot::pod::EnvSource;

/// What an open application gives to whom it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// It runs what it is sent.
    Code,
    /// It does what its service account may.
    Account,
    /// What it keeps, to read and to change.
    Data,
}

/// A sign in what a container is told: its command, arguments, and environment as `name=value`,
/// all in small letters.
enum Sign {
    /// The words are there.
    Has(&'static str),
    /// The words are there, and nothing comes after them but the end, a space or empty quotes.
    Empty(&'static str),
}

use Sign::{Empty, Has};

/// A word that a container is told, and where; all of them together are nowhere.
type Word = (String, Option<Span>);

/// An application.
struct App {
    /// Ends of image names without their tag: whole parts (`org/app`), or after a hyphen.
    images: &'static [&'static str],
    /// Names of programs, for images that are called otherwise.
    programs: &'static [&'static str],
    /// What it is.
    name: &'static str,
    door: Door,
    /// One of these has to be there for it to be open; none if it is open by itself.
    open: &'static [Sign],
    /// Any of these closes it.
    closed: &'static [Sign],
}

const NOTHING: App = App {
    images: &[],
    programs: &[],
    name: "",
    door: Door::Code,
    open: &[],
    closed: &[],
};

const APPS: &[App] = &[
    App {
        images: &["docker", "dind"],
        programs: &["dockerd"],
        name: "a Docker daemon on TCP",
        open: &[
            Has("tcp://0.0.0.0:2375"),
            Has("tcp://:2375"),
            Has("tcp://[::]:2375"),
            Empty("docker_tls_certdir="),
        ],
        closed: &[Has("--tlsverify")],
        ..NOTHING
    },
    App {
        images: &["solr"],
        name: "Solr, which runs templates and configurations",
        closed: &[
            Has("solr_auth_type="),
            Has("solr_authentication_opts="),
            Has("basicauth"),
        ],
        ..NOTHING
    },
    App {
        images: &["notebook", "jupyter", "jupyterlab"],
        programs: &[
            "jupyter",
            "jupyter-lab",
            "jupyter-notebook",
            "start-notebook.sh",
        ],
        name: "a notebook server",
        open: &[
            Empty("notebookapp.token="),
            Empty("serverapp.token="),
            Empty("identityprovider.token="),
            Empty("jupyter_token="),
        ],
        closed: &[
            Has("notebookapp.password=argon"),
            Has("notebookapp.password=sha1"),
            Has("serverapp.password=argon"),
            Has("serverapp.ip=127.0.0.1"),
            Has("notebookapp.ip=127.0.0.1"),
        ],
        ..NOTHING
    },
    App {
        images: &["code-server"],
        programs: &["code-server"],
        name: "an editor with a shell",
        open: &[Has("--auth=none"), Has("--auth none")],
        ..NOTHING
    },
    App {
        images: &["ttyd", "gotty"],
        programs: &["ttyd", "gotty"],
        name: "a shell on a web page",
        closed: &[
            Has("--credential"),
            Has("ttyd -c "),
            Has("gotty -c "),
            Has("gotty_credential="),
        ],
        ..NOTHING
    },
    App {
        images: &["weaveworks/scope"],
        name: "Weave Scope, with a shell in every container",
        closed: &[
            Has("basic-auth"),
            Has("enable_basic_auth=true"),
            Has("--mode=probe"),
        ],
        ..NOTHING
    },
    App {
        images: &["argocli", "argo-server"],
        programs: &["argo"],
        name: "Argo Workflows' server, with its own rights",
        door: Door::Account,
        open: &[Has("--auth-mode=server"), Has("--auth-mode server")],
        ..NOTHING
    },
    App {
        images: &[
            "kubernetesui/dashboard",
            "kubernetes-dashboard-amd64",
            "kubernetes-dashboard",
        ],
        name: "the Kubernetes dashboard, with its own rights",
        door: Door::Account,
        open: &[Has("--enable-skip-login")],
        closed: &[Has("--enable-skip-login=false")],
        ..NOTHING
    },
    App {
        images: &["tiller"],
        programs: &["tiller"],
        name: "Tiller",
        door: Door::Account,
        closed: &[
            Has("--tls-verify"),
            Has("tiller_tls_verify=1"),
            Has("--listen=localhost"),
            Has("--listen=127."),
        ],
        ..NOTHING
    },
    App {
        images: &["spark"],
        name: "a Spark master, which runs submitted programs",
        open: &[
            Has("org.apache.spark.deploy.master.master"),
            Has("start-master"),
            Has("spark_mode=master"),
        ],
        closed: &[
            Has("spark.authenticate=true"),
            Has("spark_rpc_authentication_enabled=yes"),
        ],
        ..NOTHING
    },
    App {
        images: &["flink"],
        name: "Flink, which runs uploaded programs",
        open: &[Has("jobmanager")],
        closed: &[
            Has("security.ssl.rest.authentication"),
            Has("web.submit.enable: false"),
            Has("web.submit.enable=false"),
        ],
        ..NOTHING
    },
    App {
        images: &["ray", "ray-ml"],
        programs: &["ray"],
        name: "the head of Ray, which runs submitted jobs",
        open: &[Has("--head")],
        closed: &[Has("ray_auth_mode=token")],
        ..NOTHING
    },
    App {
        images: &["airflow"],
        programs: &["airflow"],
        name: "Airflow, which runs what its users write",
        open: &[
            Has("airflow.api.auth.backend.default"),
            Has("airflow__core__simple_auth_manager_all_admins=true"),
            Has("airflow__webserver__authenticate=false"),
        ],
        ..NOTHING
    },
    App {
        images: &["jenkins"],
        name: "Jenkins without a login, with its script console",
        open: &[Has("jenkins.install.runsetupwizard=false")],
        closed: &[
            Has("casc"),
            Has("jenkins_user"),
            Has("admin_user"),
            Has("jenkins_admin"),
        ],
        ..NOTHING
    },
    App {
        images: &["zeppelin"],
        name: "Zeppelin, which runs notes",
        closed: &[Has("shiro")],
        ..NOTHING
    },
    App {
        images: &["consul"],
        programs: &["consul"],
        name: "Consul, which runs checks that it is sent",
        open: &[
            Has("-enable-script-checks"),
            Has("enable_script_checks=true"),
            Has("\"enable_script_checks\": true"),
            Has("\"enable_script_checks\":true"),
        ],
        closed: &[
            Has("-enable-script-checks=false"),
            Has("default_policy"),
            Has("tokens"),
        ],
        ..NOTHING
    },
    App {
        images: &[
            "selenium/hub",
            "selenium/standalone-chrome",
            "selenium/standalone-firefox",
            "selenium/standalone-chromium",
            "selenium/standalone-edge",
        ],
        name: "Selenium, which starts browsers with any arguments",
        closed: &[Has("se_router_username=")],
        ..NOTHING
    },
    App {
        images: &["elasticsearch"],
        name: "Elasticsearch without a login",
        door: Door::Data,
        open: &[Has("xpack.security.enabled=false")],
        ..NOTHING
    },
    App {
        images: &["opensearch"],
        name: "OpenSearch without a login",
        door: Door::Data,
        open: &[
            Has("disable_security_plugin=true"),
            Has("plugins.security.disabled=true"),
        ],
        ..NOTHING
    },
    App {
        images: &["redis", "valkey"],
        programs: &["redis-server", "valkey-server"],
        name: "Redis without a password",
        door: Door::Data,
        closed: &[
            Has("requirepass"),
            Has("redis_password"),
            Has("valkey_password"),
            Has("aclfile"),
            Has(".conf"),
            Has("redis_args="),
            Has("protected-mode yes"),
            Has("--bind 127."),
        ],
        ..NOTHING
    },
    App {
        images: &["mongo", "mongodb"],
        programs: &["mongod"],
        name: "MongoDB without a login",
        door: Door::Data,
        closed: &[
            Has("--auth"),
            Has("--keyfile"),
            Has("--config"),
            Has(" -f "),
            Has("root_password"),
            Has("root_username"),
            Has("root_user"),
        ],
        ..NOTHING
    },
    App {
        images: &["memcached"],
        programs: &["memcached"],
        name: "Memcached without a login",
        door: Door::Data,
        closed: &[
            Has("--enable-sasl"),
            Has(" -s"),
            Has("memcached_password"),
            Has("auth-file"),
            Has("-l 127."),
        ],
        ..NOTHING
    },
    App {
        images: &["etcd"],
        programs: &["etcd"],
        name: "etcd without a login",
        door: Door::Data,
        open: &[
            Has("allow_none_authentication=yes"),
            Has("listen-client-urls=http://0.0.0.0"),
            Has("listen-client-urls http://0.0.0.0"),
        ],
        ..NOTHING
    },
    App {
        images: &["registry"],
        name: "a registry that takes images from everybody",
        door: Door::Data,
        closed: &[
            Has("registry_auth"),
            Has(".yml"),
            Has(".yaml"),
            Has("registry_readonly"),
        ],
        ..NOTHING
    },
    App {
        images: &["grafana"],
        name: "Grafana, whose visitors administer it",
        door: Door::Data,
        open: &[Has("gf_auth_anonymous_org_role=admin")],
        closed: &[Has("gf_auth_anonymous_enabled=false")],
        ..NOTHING
    },
    App {
        images: &["cadvisor"],
        name: "cAdvisor, which tells about all containers of the node",
        door: Door::Data,
        closed: &[Has("http_auth_file"), Has("http_digest_file")],
        ..NOTHING
    },
];

/// What shows that a workload does what anybody tells it, and what that is.
pub(crate) fn open_to_anybody(workload: &Workload<'_>) -> Option<(Door, Place)> {
    let mut running = workload.running();
    running.find_map(|(object, _, container)| {
        let image = container.image.as_ref()?;
        let words = words(container);
        let name = name_of(&image.value);
        let app = APPS.iter().find(|app| app.is(name, &words))?;
        // A daemon's image has a tag of its own; others of its name are only clients.
        let is_client = app.images.contains(&"docker")
            && !image.value.contains("dind")
            && !runs(&words, "dockerd");
        if is_client || app.closed.iter().any(|sign| sign.is_in(&words).is_some()) {
            return None;
        }
        let opened = app.open.iter().find_map(|sign| sign.is_in(&words));
        if !app.open.is_empty() && opened.is_none() {
            return None;
        }
        let note = format!(
            "container {} is {}, open to anybody",
            container.name, app.name
        );
        let place = Place {
            note: note.into(),
            object: object.reference.clone(),
            span: opened.and_then(|(_, span)| *span).unwrap_or(image.span),
            mend: None,
        };
        Some((app.door, place))
    })
}

impl App {
    fn is(&self, image: &str, words: &[Word]) -> bool {
        let by_image = self.images.iter().any(|known| {
            let rest = image.strip_suffix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '-']))
        });
        by_image || self.programs.iter().any(|program| runs(words, program))
    }
}

/// Whether the first word of what a container is told, or of what its shell is, is a program.
fn runs(words: &[Word], program: &str) -> bool {
    let Some((all, _)) = words.first() else {
        return false;
    };
    let mut told = all
        .split([' ', '\n', '\t', ';', '&', '|'])
        .filter(|word| !word.is_empty())
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .skip_while(|word| matches!(*word, "sh" | "bash" | "exec" | "-c" | "-ec" | "tini" | "--"));
    told.next() == Some(program)
}

impl Sign {
    /// Whether a container is told this, and where if that is one word.
    fn is_in<'w>(&self, words: &'w [Word]) -> Option<&'w Word> {
        let fits = |text: &str| match self {
            Has(word) => text.contains(word),
            Empty(word) => text.match_indices(word).any(|(at, _)| {
                let rest = text.get(at + word.len()..).unwrap_or_default();
                let rest = rest
                    .strip_prefix("''")
                    .or(rest.strip_prefix("\"\""))
                    .unwrap_or(rest);
                rest.is_empty() || rest.starts_with(char::is_whitespace)
            }),
        };
        // The first is all of them together; one that has it alone has a place.
        let alone = words.iter().skip(1).find(|(text, _)| fits(text));
        let all = words.first().filter(|(text, _)| fits(text));
        alone.or(all)
    }
}

/// The image's name without tag and digest.
fn name_of(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// Everything that a container is told, in small letters: its command line as a whole, then each
/// word and variable with its place.
fn words(container: &Container) -> Vec<Word> {
    let told: Vec<_> = container.command.iter().chain(&container.args).collect();
    let line: Vec<&str> = told.iter().map(|word| &*word.value).collect();
    let mut words = vec![(line.join(" ").to_ascii_lowercase(), None)];
    words.extend(told.iter().map(|word| {
        let text = word.value.to_ascii_lowercase();
        (text, Some(word.span))
    }));
    for variable in &container.env {
        let value = match &variable.source {
            EnvSource::Literal(value) => &*value.value,
            // It has a value, and nobody sees it here.
            _ => "?",
        };
        let word = format!("{}={value}", variable.name).to_ascii_lowercase();
        words.push((word, Some(variable.span)));
    }
    words
}
