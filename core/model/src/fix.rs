//! What repairs a finding: operations on an object, and what a person has to know or decide.
//!
//! An engine says what has to change in the *object* ([`Operation`]); where that stands in a
//! file and how it is written there is for others. Nothing here is proved: an offered fix is
//! one that was tried.

use crate::Str;
use std::cmp::Reverse;

/// A piece of an object to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A truth.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Text(Str),
    /// A list.
    List(Vec<Data>),
    /// A mapping, in the order in which it is written.
    Map(Vec<(Str, Data)>),
}

impl Data {
    /// Text.
    pub fn text(text: impl Into<Str>) -> Self {
        Data::Text(text.into())
    }

    /// A mapping with one entry.
    pub fn entry(key: impl Into<Str>, value: Data) -> Self {
        Data::Map(vec![(key.into(), value)])
    }
}

/// A change of an object. Places are JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sets a value; mappings on the way that are missing are made.
    Set {
        /// Where.
        pointer: String,
        /// To what.
        value: Data,
    },
    /// Removes a key or item, and every mapping or list around it that holds nothing else.
    Remove {
        /// Where.
        pointer: String,
    },
    /// Adds an item to a list, which is made if it is missing.
    Append {
        /// Where the list is.
        pointer: String,
        /// The item.
        value: Data,
    },
    /// Writes a truth that only YAML 1.1 knows (`yes`) as everybody does (`true`).
    Respell {
        /// The byte at which it begins in its file.
        at: u32,
    },
    /// Removes the entries of a mapping that a later entry of the same key replaces.
    Deduplicate {
        /// The byte at which a key begins that stands there twice.
        at: u32,
    },
}

impl Operation {
    /// Sets a value.
    pub fn set(pointer: impl Into<String>, value: Data) -> Self {
        Operation::Set {
            pointer: pointer.into(),
            value,
        }
    }

    /// Removes a key or item.
    pub fn remove(pointer: impl Into<String>) -> Self {
        Operation::Remove {
            pointer: pointer.into(),
        }
    }

    /// Adds an item to a list.
    pub fn append(pointer: impl Into<String>, value: Data) -> Self {
        Operation::Append {
            pointer: pointer.into(),
            value,
        }
    }

    /// Operations on one thing, each in its [turn](Operation::turn).
    pub fn in_turn(operations: &[Operation]) -> Vec<&Operation> {
        let mut operations: Vec<&Operation> = operations.iter().collect();
        operations.sort_by_cached_key(|operation| operation.turn());
        operations
    }

    /// When its turn is among the operations on one thing, so that none moves what another is
    /// about: first those that know bytes, from the last to the first; then what is set, then
    /// what is removed, later items of a list first.
    pub fn turn(&self) -> impl Ord + use<> {
        match self {
            Operation::Respell { at } | Operation::Deduplicate { at } => {
                (0, Reverse(*at), Vec::new())
            }
            Operation::Set { .. } | Operation::Append { .. } => (1, Reverse(0), Vec::new()),
            Operation::Remove { pointer } => {
                let parts = pointer.split('/').map(|part| {
                    let number: Option<u64> = part.parse().ok();
                    (number.map(Reverse), part.to_owned())
                });
                (2, Reverse(0), parts.collect())
            }
        }
    }

    /// Where it changes something, if that is a place in an object.
    pub fn pointer(&self) -> Option<&str> {
        match self {
            Operation::Set { pointer, .. }
            | Operation::Remove { pointer }
            | Operation::Append { pointer, .. } => Some(pointer),
            Operation::Respell { .. } | Operation::Deduplicate { .. } => None,
        }
    }
}

/// The keys and positions of a JSON pointer.
pub fn tokens(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// A pointer one step further down.
pub fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Changes that repair a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mend {
    /// What has to change, in this order.
    pub operations: Vec<Operation>,
    /// What could stop the workload from starting or working after it, and what to check.
    pub caution: Option<String>,
}

/// What kind of value a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A whole number in a range.
    Number(i64, i64),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Text without blanks, written between these two.
    Word(Str, Str),
    /// A memory limit and a CPU request: `256Mi 100m`.
    Resources,
}

/// A value that only a person can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question, with a question mark.
    pub text: String,
    /// What answers it.
    pub answer: Answer,
    /// Where the answer goes: the value itself, or the mapping that holds the resources.
    pub pointers: Vec<String>,
    /// Changes that go with it.
    pub besides: Mend,
}

impl Question {
    /// The mend that an answer makes; `None` when the answer is none.
    pub fn answered(&self, answer: &str) -> Option<Mend> {
        let answer = answer.trim();
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\'' | '"' | '`');
        let values: Vec<(&str, Data)> = match &self.answer {
            Answer::Number(least, most) => {
                let number: i64 = answer.parse().ok()?;
                if !(*least..=*most).contains(&number) {
                    return None;
                }
                vec![("", Data::Int(number))]
            }
            Answer::Choice(words) => {
                vec![("", Data::text(*words.iter().find(|word| **word == answer)?))]
            }
            Answer::Word(before, after) => {
                if answer.is_empty() || !answer.chars().all(plain) {
                    return None;
                }
                vec![("", Data::text(format!("{before}{answer}{after}")))]
            }
            Answer::Resources => {
                let (memory, cpu) = answer.split_once(' ')?;
                let quantity = |text: &str| {
                    text.starts_with(|c: char| c.is_ascii_digit())
                        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
                };
                let cpu = cpu.trim();
                if !quantity(memory) || !quantity(cpu) {
                    return None;
                }
                vec![
                    ("/limits/memory", Data::text(memory)),
                    ("/requests/cpu", Data::text(cpu)),
                ]
            }
        };
        let mut mend = self.besides.clone();
        for pointer in &self.pointers {
            for (below, value) in &values {
                let pointer = format!("{pointer}{below}");
                // As in JSON Patch, `-` is the item after the last one of a list.
                mend.operations.push(match pointer.strip_suffix("/-") {
                    Some(list) => Operation::append(list, value.clone()),
                    None => Operation::set(pointer, value.clone()),
                });
            }
        }
        Some(mend)
    }
}

/// What can be done about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The change follows from the finding alone.
    Mechanical(Mend),
    /// A value is needed that only a person can give.
    Decision(Question),
    /// A person has to think: what about, in a sentence without a full stop.
    ByHand(String),
}

/// How the findings of a rule are repaired, as far as the rule alone tells. Of some rules, some
/// findings are still left to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Repairable {
    /// By a change that follows from the finding and stops nothing.
    Safe,
    /// By a change that may stop the workload, which has to be checked; of some findings it is
    /// safe.
    WithCaution,
    /// With a value that a person gives.
    Decision,
    /// By hand.
    ByHand,
}

impl Repairable {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Repairable::Safe => "safe",
            Repairable::WithCaution => "with-care",
            Repairable::Decision => "asks",
            Repairable::ByHand => "by-hand",
        }
    }

    /// In a sentence without a full stop.
    pub fn sentence(self) -> &'static str {
        match self {
            Repairable::Safe => "`seawall fix` makes the change, which stops no workload",
            Repairable::WithCaution => {
                "`seawall fix` makes the change, and says what to check: it may stop a workload"
            }
            Repairable::Decision => {
                "`seawall fix --interactive` asks for a value that only you know"
            }
            Repairable::ByHand => "by hand: it takes more than a change that can be proved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked_before_it_is_used() {
        let question = Question {
            text: "As which user?".to_owned(),
            answer: Answer::Number(1, 9),
            pointers: vec!["/a".to_owned()],
            besides: Mend::default(),
        };
        assert_eq!(question.answered("0"), None);
        assert_eq!(question.answered("root"), None);
        let mend = question.answered(" 7\n").expect("an answer");
        assert_eq!(mend.operations, [Operation::set("/a", Data::Int(7))]);
        let word = Question {
            answer: Answer::Word("nginx:".into(), "".into()),
            ..question
        };
        assert_eq!(word.answered("a b"), None);
        assert_eq!(word.answered("x\u{1b}[0m"), None);
        let mend = word.answered("1.29").expect("an answer");
        assert_eq!(
            mend.operations,
            [Operation::set("/a", Data::text("nginx:1.29"))]
        );
        let resources = Question {
            answer: Answer::Resources,
            ..word
        };
        assert_eq!(resources.answered("64Mi"), None);
        assert_eq!(resources.answered("64Mi; 1"), None);
        assert_eq!(
            resources.answered("64Mi 100m").map(|m| m.operations.len()),
            Some(2)
        );
    }

    #[test]
    fn pointers_come_apart_and_together() {
        assert_eq!(tokens("/a/b~1c/0"), ["a", "b/c", "0"]);
        assert_eq!(below("/a", "b/c"), "/a/b~1c");
        assert!(tokens("").is_empty());
    }
}
