//! The command line. Parsing only validates; [`crate::config`] puts it together with the
//! configuration file, and commands do things.

use crate::color::Color;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// The exit codes, as `--help` prints them.
const EXIT_CODES: &str = "\
Exit codes:
  0  clean at the gate (without --fail-on there is no gate)
  1  findings at or above --fail-on
  2  wrong command line or configuration
  3  incomplete: coverage below --min-coverage, or nothing could be read
  4  internal error, or the result could not be written";

/// Shows how an attacker would get into a Kubernetes environment, and closes the way.
#[derive(Debug, Parser)]
#[command(name = "seawall", version, after_help = EXIT_CODES, propagate_version = true)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// When to colour.
    #[arg(long, value_enum, default_value_t, global = true, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Say more: -v lists every finding, -vv shows each with its source.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Say only the verdict and errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan manifests, charts, overlays and dumps, or a live cluster: `seawall scan cluster`.
    #[command(after_help = EXIT_CODES)]
    Scan(Scan),
    /// Tell what a change makes worse: what is new, gone and unchanged between two revisions,
    /// paths or saved results.
    #[command(after_help = EXIT_CODES)]
    Diff(Diff),
    /// Watch a cluster: print findings as they appear and go, until it is stopped.
    Watch(Watch),
    /// Repair findings by changes that were tried: what was found is gone, and nothing new came.
    #[command(after_help = EXIT_CODES)]
    Fix(Fix),
    /// Print the smallest ClusterRole that a scan of a cluster needs.
    Rbac(Rbac),
    /// Save what a scan of a cluster sees, without credentials, to scan it elsewhere.
    Dump(Dump),
    /// Tell who reaches whom, on which ports, and why or why not.
    Reach(Reach),
    /// Tell how an attacker would get in, step by step, and what cuts the most ways.
    Paths(Paths),
    /// Tell what a compromised workload reaches, step by step.
    Blast(Blast),
    /// Tell who can do something, and by which rule and binding.
    WhoCan(WhoCan),
    /// Tell what somebody can do, and by which rule and binding.
    WhatCan(WhatCan),
    /// Look at what is given to whom.
    #[command(subcommand)]
    Access(Access),
    /// Print the objects that a scan sees, each with its origin.
    Render(Render),
    /// Scan the example environment inside this program.
    Demo(Demo),
    /// Explain a rule, or a finding of a scan.
    Explain(Explain),
    /// What Seawall checks.
    #[command(subcommand)]
    Rules(Rules),
    /// Make objects for a cluster of what Seawall checks.
    #[command(subcommand)]
    Generate(Generate),
    /// What is configured.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// What to read.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Source {
    /// Files and directories (manifests, charts, overlays, dumps); `-` is standard input,
    /// `cluster` the live cluster (and ./cluster a directory of that name).
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,
    /// Read the paths as they are at this git revision.
    #[arg(long, value_name = "REVISION")]
    pub(crate) rev: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// How to read it.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Reading {
    /// Values file for charts, later ones win.
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    pub(crate) values: Vec<String>,
    /// Value for charts, as `helm --set` takes it.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Release name for charts [default: release-name].
    #[arg(long, value_name = "NAME")]
    pub(crate) release_name: Option<String>,
    /// Release namespace for charts [default: default]; of a cluster, read this one only.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Read what .gitignore and .ignore leave out, and hidden files, too.
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Context of the kubeconfig, for a cluster [default: the current one].
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Ask a cluster for the values of Secrets, too; else only for their names.
    #[arg(long)]
    pub(crate) secrets: bool,
    /// The cluster's version (v1.0 to v1.37) [default: a live cluster's own, else the newest].
    #[arg(long, value_name = "VERSION")]
    pub(crate) kubernetes_version: Option<String>,
}

/// Who reaches whom. A source or destination is `internet`, `node`, an address, a workload
/// (`shop/web`, `deployment/web`), a namespace (`shop/`) or labels of pods (`app=web`).
#[derive(Debug, Args)]
pub(crate) struct Reach {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Only from there.
    #[arg(long, value_name = "WHO")]
    pub(crate) from: Option<String>,
    /// Only to there. With --from, too, it is proved down to the deciding rules.
    #[arg(long, value_name = "WHO")]
    pub(crate) to: Option<String>,
    /// Only on this port: 5432, udp/53 [default: those that workloads declare].
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// What passes under this identity of a mesh, whoever proves it:
    /// `cluster.local/ns/shop/sa/web`, or shop/web.
    #[arg(long, value_name = "WHO")]
    pub(crate) identity: Option<String>,
    /// The source behaves as it is configured [default: it is compromised].
    #[arg(long, conflicts_with = "identity")]
    pub(crate) configured: bool,
    /// Whether requests with this method pass.
    #[arg(long, value_name = "METHOD", requires = "from", requires = "to")]
    pub(crate) method: Option<String>,
    /// Whether requests for this path pass.
    #[arg(long, value_name = "PATH", requires = "from", requires = "to")]
    pub(crate) path: Option<String>,
    /// Prove each connection down to the deciding rules; --from and --to together do so, too.
    #[arg(long, conflicts_with_all = ["assert", "baseline"])]
    pub(crate) why: bool,
    /// Demand something, and exit with 1 if it does not hold: `deny from internet to app=db on
    /// 5432 unless mtls and identity in [shop/web]`, `allow from shop/web to data/db`; or a
    /// file with a demand on each line.
    #[arg(long, value_name = "DEMAND", conflicts_with_all = ["from", "to", "port", "identity"])]
    pub(crate) assert: Vec<String>,
    /// Tell what is open now and was not, or was and is not any more, since this git revision.
    #[arg(long, value_name = "REVISION", conflicts_with = "assert")]
    pub(crate) baseline: Option<String>,
    /// How to tell it: terminal, json, csv, dot, svg or mermaid.
    #[arg(short, long, value_name = "FORMAT", default_value = "terminal")]
    pub(crate) output: String,
}

/// How an attacker would get in: from the internet, a pod, a developer's account.
#[derive(Debug, Args)]
pub(crate) struct Paths {
    #[command(flatten)]
    pub(crate) source: Source,
    /// How many paths to tell.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Name the few changes that cut the most ways, each tried: what is left is counted.
    #[arg(long)]
    pub(crate) cuts: bool,
    /// Workloads that matter most: `data/payments-db`, `data/`, `app=db`.
    #[arg(long, value_name = "WHO")]
    pub(crate) jewel: Vec<String>,
    /// How to tell it: terminal or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "terminal")]
    pub(crate) output: String,
}

/// What a compromised workload reaches.
#[derive(Debug, Args)]
pub(crate) struct Blast {
    /// Who is compromised: a workload, `internet`, `node`; or whose credential leaked:
    /// `sa:shop/web`, `user:alice`, `group:devs`.
    #[arg(value_name = "WHO")]
    pub(crate) from: String,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// Who can do something.
#[derive(Debug, Args)]
pub(crate) struct WhoCan {
    /// The verb: get, list, create, …
    pub(crate) verb: String,
    /// What to: a resource (`pods`, `po`, `deployments.apps`), one of its subresources
    /// (`pods/exec`), or a path (`/metrics`).
    pub(crate) resource: String,
    /// The object's name, if one is meant, then what to read: files and directories, `-`, or
    /// `cluster` [default: `.`]. A word with a slash or a dot in front, or that is a file here,
    /// is read.
    #[arg(value_name = "NAME|PATH")]
    pub(crate) rest: Vec<String>,
    /// The object's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Read the paths as they are at this git revision.
    #[arg(long, value_name = "REVISION")]
    pub(crate) rev: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How to tell it: terminal, json or csv.
    #[arg(short, long, value_name = "FORMAT", default_value = "terminal")]
    pub(crate) output: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Compare what is given with what was used: bindings that nobody used, rules that give more
    /// than was needed, what is dangerous, and the least roles that would do, each of them tried
    /// on every request that was seen.
    Review(Review),
}

/// What is given beside what was used.
#[derive(Debug, Args)]
pub(crate) struct Review {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Audit log of the API server, JSON lines; `-` is standard input; repeat for several.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) audit: Vec<String>,
    /// How to tell it: terminal, json, or yaml (only the roles that are proposed).
    #[arg(short, long, value_name = "FORMAT", default_value = "terminal")]
    pub(crate) output: String,
}

/// What somebody can do.
#[derive(Debug, Args)]
pub(crate) struct WhatCan {
    /// Who: `sa:shop/web` (a service account), `user:ann`, `group:devs`, or the name of a user.
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) source: Source,
    /// How to tell it: terminal, json or csv.
    #[arg(short, long, value_name = "FORMAT", default_value = "terminal")]
    pub(crate) output: String,
}

/// The user's own settings.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Files {
    /// Configuration file [default: seawall.yaml here or in a directory above].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Read no configuration file.
    #[arg(long, conflicts_with = "config")]
    pub(crate) no_config: bool,
    /// File of accepted findings [default: .seawallignore.yaml here or in a directory above].
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<String>,
}

/// Which cluster, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Context of the kubeconfig [default: the current one].
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Only this namespace.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

/// What to judge, how to tell it, and when to fail.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct Judge {
    /// How to tell it, and where: terminal, json, sarif, junit, markdown, html, csv, github
    /// or gitlab; repeat for several.
    #[arg(short, long, value_name = "FORMAT[=FILE]")]
    pub(crate) output: Vec<String>,
    /// Show findings from this severity up (display only: nothing else changes).
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<String>,
    /// Run only these rules: ids, other tools' ids, or areas.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these rules out.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Report a framework control by control: cis, nsa, pss or mitre.
    #[arg(long, value_name = "FRAMEWORK", value_delimiter = ',')]
    pub(crate) framework: Vec<String>,
    /// Exit with 1 when a finding is at least this severe: critical, high, medium, low, info
    /// or none; with `path`, when there is a way in, or since a baseline a new one.
    #[arg(long, value_name = "SEVERITY", alias = "severity-threshold")]
    pub(crate) fail_on: Option<String>,
    /// Exit with 3 when less than this per cent could be looked at.
    #[arg(long, value_name = "PERCENT")]
    pub(crate) min_coverage: Option<String>,
    /// A registry (prefix) that images may come from; repeat for several.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) allowed_registry: Vec<String>,
    /// Your own policies: a file or directory of ValidatingAdmissionPolicies with their bindings
    /// and parameters; repeat for several.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) policy: Vec<String>,
    #[command(flatten)]
    pub(crate) files: Files,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) judge: Judge,
    /// Tell what is new, worse and gone since an earlier result (a file that `-o json` wrote)
    /// or git revision; only what is new or worse can fail the gate.
    #[arg(long, value_name = "FILE|REVISION")]
    pub(crate) baseline: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Before: a path, a git revision (`main`, `v1.2:deploy`), or a result that `-o json`
    /// wrote.
    #[arg(default_value = "HEAD")]
    pub(crate) before: String,
    /// After: likewise.
    #[arg(default_value = ".")]
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) judge: Judge,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// `cluster`.
    #[arg(value_name = "SOURCE", value_parser = ["cluster"])]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) part: Part,
    #[command(flatten)]
    pub(crate) judge: Judge,
}

#[derive(Debug, Args)]
pub(crate) struct Fix {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Only this finding: the first eight or more digits of its id; repeat for several.
    #[arg(long, value_name = "ID")]
    pub(crate) finding: Vec<String>,
    /// Only findings of these rules: ids, other tools' ids, or areas.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave findings of these rules alone.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Print the changes as a unified diff, for `git apply` (the default).
    #[arg(long)]
    pub(crate) diff: bool,
    /// Change the files. One that git has not committed as it is stays as it is.
    #[arg(long, conflicts_with = "diff")]
    pub(crate) write: bool,
    /// Ask for what only a person knows (limits, versions, user ids), then change the files.
    #[arg(long, conflicts_with_all = ["diff", "write"])]
    pub(crate) interactive: bool,
    /// For what stands in no file of yours (a cluster, a dump, standard input): write the
    /// patches to this directory, and print the lines that send them.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<String>,
    /// Leave out what could stop a workload from starting or working.
    #[arg(long)]
    pub(crate) safe: bool,
    /// Change files with uncommitted changes, too.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) files: Files,
}

impl Fix {
    /// The settings that it shares with a scan.
    pub(crate) fn judge(&self) -> Judge {
        Judge {
            only: self.only.clone(),
            skip: self.skip.clone(),
            files: self.files.clone(),
            ..Judge::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rbac {
    /// Only what these checks read: ids, other tools' ids, or areas.
    #[arg(value_name = "RULE")]
    pub(crate) checks: Vec<String>,
    /// Also for the values of Secrets (`--secrets` of a scan).
    #[arg(long)]
    pub(crate) secrets: bool,
    /// Also for `seawall watch`.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// `cluster`.
    #[arg(value_name = "SOURCE", value_parser = ["cluster"])]
    pub(crate) source: String,
    /// Directory to write to; made when it is not there.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: String,
    #[command(flatten)]
    pub(crate) part: Part,
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) source: Source,
    /// yaml (with origins as comments) or json (a line for each object).
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    pub(crate) output: String,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) judge: Judge,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A rule (`W01`, or another tool's id such as `KSV-0017`), or the first eight or more
    /// digits of a finding's id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// List the attack techniques that paths are made of.
    Techniques,
    /// List all rules.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// ValidatingAdmissionPolicies with bindings: the API server itself then decides as the
    /// checks do. Which rules cannot be policies, and why, is told on standard error.
    Vap {
        /// Only these rules: ids, other tools' ids, or areas.
        #[arg(long, value_name = "RULE", value_delimiter = ',')]
        only: Vec<String>,
        /// What the bindings do: audit, warn or deny.
        #[arg(long, value_name = "MODE", default_value = "warn")]
        mode: String,
    },
    /// The fewest NetworkPolicies that let pass what was seen: a default deny for each namespace,
    /// and what each workload needs. They are proved before they are printed; the proof is told on
    /// standard error.
    Netpol {
        #[command(flatten)]
        flows: Flows,
        /// Close what workloads send, too, but for what was seen and DNS.
        #[arg(long)]
        egress: bool,
    },
    /// The same as CiliumNetworkPolicies.
    Cnp {
        #[command(flatten)]
        flows: Flows,
        /// Close what workloads send, too, but for what was seen and DNS.
        #[arg(long)]
        egress: bool,
    },
    /// The same as AuthorizationPolicies of Istio: who comes in is known by its service account,
    /// and where proxies read requests only the methods and paths that were seen pass.
    Authz {
        #[command(flatten)]
        flows: Flows,
    },
    /// The same as Servers and AuthorizationPolicies of Linkerd.
    Linkerd {
        #[command(flatten)]
        flows: Flows,
    },
}

/// What was seen, and of what.
#[derive(Debug, Args)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Flows that were seen: JSON of `hubble observe -o json`, access logs of Istio's Envoy or
    /// ztunnel in JSON (as `kubectl logs --prefix` or a log collector has them, with the pod), or
    /// lines like `shop/web -> data/db tcp/5432`, with `GET /items` behind where requests are
    /// known (`internet`, `dns`, `node` and addresses are ends, too)
    /// [default: what the manifests declare].
    #[arg(long, value_name = "FILE")]
    pub(crate) flows: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting with where it comes from.
    Show {
        #[command(flatten)]
        judge: Judge,
    },
}
