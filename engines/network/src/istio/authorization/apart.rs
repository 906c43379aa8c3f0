//! What policies tell apart at a point. Callers for whom every question about identities has
//! the same answer are alike there, and so are ports that no policy names: who asks about
//! many of them has to ask about one of each kind only.

use super::identity::Identity;
use super::policy::{Key, Rule, Word};
use super::{Point, Policies, ztunnel};
use seawall_model::Str;

/// What is told apart at a point.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    questions: Vec<Question>,
    /// The ports that policies name.
    pub(crate) ports: Vec<u16>,
}

/// What a policy asks of an identity.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    key: Key,
    word: Str,
    /// The policy's namespace.
    namespace: Str,
}

impl Policies<'_> {
    /// What is told apart at a point.
    pub(crate) fn apart(&self, point: Point<'_>) -> Apart {
        let mut apart = Apart::default();
        for policy in self.attached(point) {
            let checks = policy.rules.iter().flat_map(Rule::checks);
            for check in checks {
                let words = check.values.iter().chain(&check.not_values);
                match check.key {
                    Key::Ports => apart.ports.extend(words.filter_map(port)),
                    _ if check.key.is_identity() => {
                        let questions = words.map(|word| Question {
                            key: check.key.clone(),
                            word: word.text.clone(),
                            namespace: policy.namespace().into(),
                        });
                        for question in questions {
                            if !apart.questions.contains(&question) {
                                apart.questions.push(question);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        apart
    }

    /// The answers to what is asked of an identity, as ztunnel or Envoy gives them.
    pub(crate) fn answers<'a>(
        &'a self,
        apart: &'a Apart,
        identity: &'a Identity,
        is_ztunnel: bool,
    ) -> impl Iterator<Item = bool> + 'a {
        let questions = apart.questions.iter();
        questions.map(move |question| {
            let Question {
                key,
                word,
                namespace,
            } = question;
            if is_ztunnel {
                return ztunnel::fits(key, word, namespace, identity);
            }
            self.domains.fits(key, word, namespace, identity)
        })
    }
}

fn port(word: &Word) -> Option<u16> {
    word.text.parse().ok()
}
