//! What a team demands of its network, as code:
//!
//! ```text
//! deny from internet to app=payments-db
//! deny from shop/ to data/ on 5432
//! allow from shop/web to data/orders-db on 5432
//! ```
//!
//! A demand that holds comes with what makes it hold, one that does not with a connection that
//! shows it. Nothing holds because nobody was there to try: words that mean nobody are wrong.

use super::proof::{Citation, Proof, proofs_in};
use super::{Protocol, Question, Unknown, Verdict};
use seawall_network::{Config, Network, World};
use seawall_snapshot::Snapshot;

/// A demand.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// As it was written.
    pub text: String,
    /// Whether the connection must be closed, or open.
    is_deny: bool,
    question: Question,
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

impl Assertion {
    /// Reads a line; `Err` says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (action, from, to, rest) = match words.as_slice() {
            [action, "from", from, "to", to, rest @ ..] => (*action, *from, *to, rest),
            _ => return Err("it reads `deny from WHO to WHO [on PORT]`, or allow".to_owned()),
        };
        let is_deny = match action {
            "deny" => true,
            "allow" => false,
            other => return Err(format!("it begins with deny or allow, not `{other}`")),
        };
        let port = match rest {
            [] => None,
            ["on", port] => Some(
                read_port(port)
                    .ok_or_else(|| format!("`{port}` is no port: write 5432, or udp/53"))?,
            ),
            other => return Err(format!("`{}` is not understood", other.join(" "))),
        };
        Ok(Self {
            text: words.join(" "),
            is_deny,
            question: Question {
                from: Some(from.to_owned()),
                to: Some(to.to_owned()),
                port,
            },
        })
    }

    fn check(&self, network: &Network<'_, '_>) -> Result<Checked, Unknown> {
        let proofs = proofs_in(network, &self.question)?;
        let tried = proofs.len();
        let breaks = |proof: &&Proof| (proof.verdict == Verdict::Closed) != self.is_deny;
        let witness = proofs.iter().find(breaks).cloned();
        let mut certificate: Vec<Citation> = Vec::new();
        let steps = proofs.iter().flat_map(|proof| &proof.steps);
        // What is closed is closed by what refuses it, however much else lets it pass.
        let steps = steps.filter(|step| !self.is_deny || step.verdict == Verdict::Closed);
        for cite in steps.flat_map(|step| &step.cites) {
            let is_known =
                |known: &Citation| known.object == cite.object && known.pointer == cite.pointer;
            if witness.is_none() && !certificate.iter().any(is_known) {
                certificate.push(cite.clone());
            }
        }
        Ok(Checked {
            text: self.text.clone(),
            witness,
            tried,
            certificate,
        })
    }
}

/// Tries demands, in their order.
pub fn check(snapshot: &Snapshot, demands: &[Assertion]) -> Result<Vec<Checked>, Unknown> {
    let world = World::new(snapshot);
    let network = Network::new(&world, &Config::default());
    demands
        .iter()
        .map(|demand| demand.check(&network))
        .collect()
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
