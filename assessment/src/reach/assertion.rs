//! What a team demands of its network, as code:
//!
//! ```text
//! deny from internet to app=payments-db
//! deny from shop/ to data/ on 5432 unless mtls and identity in [shop/web, shop/orders]
//! deny from shop/ to app=api on 8080 method DELETE path /admin
//! allow from shop/web to data/orders-db on 5432
//! ```
//!
//! A demand that holds comes with what makes it hold, one that does not with a connection that
//! shows it. Nothing holds because nobody was there to try: words that mean nobody are wrong.

use super::proof::{Citation, Proof, proofs_in};
use super::{Protocol, Question, Unknown, Verdict};
use seawall_network::{Config, Field, Network, Proven, World};
use seawall_snapshot::Snapshot;

/// A demand.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// As it was written.
    pub text: String,
    /// Whether the connection must be closed, or open.
    is_deny: bool,
    question: Question,
    /// What is let pass although it is refused.
    unless: Option<Unless>,
}

/// An exception: what comes under an identity that a mesh proves.
#[derive(Debug, Clone)]
struct Unless {
    /// One of these; empty is any.
    identities: Vec<String>,
}

/// What became of a demand.
#[derive(Debug)]
pub struct Checked {
    /// As it was written.
    pub text: String,
    /// A connection that breaks it.
    pub witness: Option<Proof>,
    /// How many connections were tried.
    pub tried: usize,
    /// What makes it hold: the pieces of policies that decided.
    pub certificate: Vec<Citation>,
}

/// How a demand reads.
const FORM: &str = "it reads `deny from WHO to WHO [on PORT] [method METHOD] [path PATH] [unless \
                    mtls [and identity in [WHO, …]]]`, or allow";

impl Assertion {
    /// Reads a line; `Err` says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (rule, exception) = match text.split_once(" unless ") {
            Some((rule, exception)) => (rule, Some(exception)),
            None => (&*text, None),
        };
        let words: Vec<&str> = rule.split(' ').collect();
        let (action, from, to, rest) = match words.as_slice() {
            [action, "from", from, "to", to, rest @ ..] => (*action, *from, *to, rest),
            _ => return Err(FORM.to_owned()),
        };
        let is_deny = match action {
            "deny" => true,
            "allow" => false,
            other => return Err(format!("it begins with deny or allow, not `{other}`")),
        };
        let mut question = Question {
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            ..Question::default()
        };
        for pair in rest.chunks(2) {
            match *pair {
                ["on", port] => {
                    let read = read_port(port)
                        .ok_or_else(|| format!("`{port}` is no port: write 5432, or udp/53"));
                    question.port = Some(read?);
                }
                ["method", method] => {
                    question.request.insert(Field::Method, method.into());
                }
                ["path", path] => {
                    question.request.insert(Field::Path, path.into());
                }
                _ => return Err(format!("`{}` is not understood: {FORM}", pair.join(" "))),
            }
        }
        let unless = exception.map(Unless::read).transpose()?;
        if unless.is_some() && !is_deny {
            return Err("`unless` is for what is denied".to_owned());
        }
        Ok(Self {
            text: text.clone(),
            is_deny,
            question,
            unless,
        })
    }

    fn check(&self, network: &Network<'_, '_>) -> Result<Checked, Unknown> {
        let proofs = proofs_in(network, &self.question)?;
        let tried = proofs.len();
        let witness = proofs.iter().find(|proof| self.is_broken_by(proof));
        let mut certificate: Vec<Citation> = Vec::new();
        for cite in proofs.iter().flat_map(|proof| self.decided(proof)) {
            let is_known =
                |known: &Citation| known.object == cite.object && known.pointer == cite.pointer;
            if witness.is_none() && !certificate.iter().any(is_known) {
                certificate.push(cite.clone());
            }
        }
        Ok(Checked {
            text: self.text.clone(),
            witness: witness.cloned(),
            tried,
            certificate,
        })
    }

    fn is_broken_by(&self, proof: &Proof) -> bool {
        let is_closed = proof.verdict == Verdict::Closed;
        if !self.is_deny {
            return is_closed;
        }
        let is_excepted = self
            .unless
            .as_ref()
            .is_some_and(|unless| unless.holds(proof));
        !is_closed && !is_excepted
    }

    /// What a connection that keeps the demand rests on.
    fn decided<'p>(&self, proof: &'p Proof) -> impl Iterator<Item = &'p Citation> {
        // What is closed is closed by what refuses it, however much else lets it pass.
        let only_closed = self.is_deny && proof.verdict == Verdict::Closed;
        let steps = proof.steps.iter();
        let steps = steps.filter(move |step| !only_closed || step.verdict == Verdict::Closed);
        steps.flat_map(|step| &step.cites)
    }
}

impl Unless {
    /// Reads `mtls`, `mtls and identity in [a, b]` or `identity in [a, b]`.
    fn read(text: &str) -> Result<Self, String> {
        let rest = match text.strip_prefix("mtls") {
            Some("") => {
                return Ok(Self {
                    identities: Vec::new(),
                });
            }
            Some(rest) => rest.strip_prefix(" and ").unwrap_or(rest),
            None => text,
        };
        let list = rest.strip_prefix("identity in ").and_then(|list| {
            let list = list.trim();
            list.strip_prefix('[')?.strip_suffix(']')
        });
        let list = list.ok_or_else(|| {
            format!("`unless {text}` is not understood: write `unless mtls and identity in [a, b]`")
        })?;
        let identities = list.split(',').map(|one| one.trim().to_owned());
        let identities: Vec<String> = identities.filter(|one| !one.is_empty()).collect();
        if identities.is_empty() {
            return Err("the list of identities is empty: write `unless mtls` for any".to_owned());
        }
        Ok(Self { identities })
    }

    /// Whether whatever passes comes under one of the identities.
    fn holds(&self, proof: &Proof) -> bool {
        let is_meant = |proven: &Proven| {
            let mut words = self.identities.iter();
            self.identities.is_empty() || words.any(|word| proven.is(word))
        };
        let mut ways = proof.identities.iter();
        ways.all(|identity| identity.as_ref().is_some_and(is_meant))
    }
}

/// Tries demands, in their order.
pub fn check<'d>(
    snapshot: &Snapshot,
    demands: impl IntoIterator<Item = &'d Assertion>,
) -> Vec<Result<Checked, Unknown>> {
    let world = World::new(snapshot);
    check_in(&Network::new(&world, &Config::default()), demands)
}

/// The same in a network that is known.
pub(crate) fn check_in<'d>(
    network: &Network<'_, '_>,
    demands: impl IntoIterator<Item = &'d Assertion>,
) -> Vec<Result<Checked, Unknown>> {
    let demands = demands.into_iter();
    demands.map(|demand| demand.check(network)).collect()
}

/// `5432`, `udp/53` or `53/udp`.
pub fn read_port(word: &str) -> Option<(Protocol, u16)> {
    let (protocol, number) = match word.split_once('/') {
        Some((one, two)) if one.parse::<u16>().is_ok() => (two, one),
        Some((one, two)) => (one, two),
        None => ("TCP", word),
    };
    let number = number.parse::<u16>().ok().filter(|number| *number > 0)?;
    Some((Protocol::named(&protocol.to_ascii_uppercase())?, number))
}
