//! What repairs a finding, as changes of its object, where that is mechanical.
//!
//! The catalogue's checks point at the very setting that is wrong, so most repairs are a value
//! for that place, or that it goes. Whether a repair repairs, and brings nothing new, is for
//! the caller to find out by judging the changed environment. What clients outside the mesh
//! still need is in no manifest: it is said as a caution.

use crate::reach::{Cidr, METADATA};
use crate::rules::Id;
use seawall_model::fix::{Answer, Question, below};
use seawall_model::{Data, Finding, Mend, Operation, Repair, Repairable, RuleId};
use seawall_yaml::Node;

/// What becomes of the place that a finding points at.
#[derive(Clone, Copy)]
enum Change {
    /// This text stands there.
    Text(&'static str),
    /// It goes.
    Remove,
    /// This text stands at a key below.
    Below(&'static str, &'static str),
    /// What stands there is written in capitals.
    Capitals,
    /// What stands there begins with https.
    Https,
    /// Plaintext answers with a way to TLS: beside the port that it points at.
    Redirect,
    /// The block leaves out the addresses where nodes hand out credentials.
    WithoutMetadata,
    /// TLS of today: weak cipher suites go, a version is 1.2.
    Modern,
    /// The direction that it points at is one that the policy is for.
    PolicyType,
}

const STRICT: &str = "clients without a proxy of the mesh are refused: see `seawall reach --to` \
                      for who can come in plaintext now";
const CAPTURED: &str = "the mesh's proxy takes the traffic from now on: clients outside the \
                        mesh, and policies that do not name the callers, stop it";

/// How a rule's findings are repaired: what changes, and what to check before.
fn change(id: Id) -> Option<(Change, Option<&'static str>)> {
    use Change::{
        Below, Capitals, Https, Modern, PolicyType, Redirect, Remove, Text, WithoutMetadata,
    };
    let (change, caution) = match id {
        Id::IST_TLS_02 | Id::IST_TLS_03 | Id::IST_TLS_04 | Id::IST_TLS_05 => {
            (Text("STRICT"), Some(STRICT))
        }
        Id::IST_TLS_09 | Id::IST_TLS_10 | Id::IST_TLS_11 => (
            Text("ISTIO_MUTUAL"),
            Some("servers without a proxy of the mesh do not understand mutual TLS"),
        ),
        Id::IST_TLS_15 => (
            Remove,
            Some("the server's certificate is verified from now on: name its CA and its names"),
        ),
        Id::IST_AZ_15 => (
            Capitals,
            Some("the rule begins to match: see what it lets pass or refuses"),
        ),
        Id::IST_AZ_22 | Id::CMP_15 => (
            Remove,
            Some("the policy is enforced from now on: see in the logs what it would refuse"),
        ),
        Id::IST_JWT_03 => (
            Https,
            Some("the server has to answer over https, with a certificate that is verified"),
        ),
        Id::IST_GW_01 => (
            Redirect,
            Some("the same hosts need a server with TLS on this gateway"),
        ),
        Id::IST_GW_04 => (Modern, Some("clients with older TLS are refused")),
        Id::IST_BP_02
        | Id::IST_BP_08
        | Id::CMP_04
        | Id::IST_BP_09
        | Id::IST_BP_12
        | Id::IST_TC_12
        | Id::IST_AM_16
        | Id::LNK_15
        | Id::LNK_18 => (Remove, Some(CAPTURED)),
        Id::IST_AM_10 => (
            Below("istio.io/ingress-use-waypoint", "true"),
            Some("what comes in through the gateway passes the waypoint's policies, too"),
        ),
        Id::IST_AM_18 => (Remove, Some("the namespace's waypoint decides from now on")),
        Id::LNK_02 => (
            Text("deny"),
            Some("only ports with a Server and an authorisation are open to pods that start"),
        ),
        Id::LNK_03 => (Remove, Some("only authorisations let in from now on")),
        Id::LNK_19 => (
            Text("Fail"),
            Some("no pod starts while the injector is down: run several replicas of it"),
        ),
        Id::LNK_20 => (
            Text("enabled"),
            Some("the header l5d-dst-override chooses no destination any more"),
        ),
        Id::CSL_07 => (Text("strict"), Some(STRICT)),
        Id::KUM_03 => (Text("STRICT"), Some(STRICT)),
        Id::CIL_03 => (
            Text("false"),
            Some("policies refuse from now on: see in Hubble what they would have refused"),
        ),
        Id::CIL_04 => (
            Remove,
            Some("what no policy allows is refused from now on in this direction"),
        ),
        Id::NP_06 => (
            PolicyType,
            Some("the policy's rules are in force from now on in this direction"),
        ),
        Id::NP_11 => (
            WithoutMetadata,
            Some("programs that ask the node's metadata for credentials need another identity"),
        ),
        _ => return None,
    };
    Some((change, caution))
}

/// What can be done about a finding of this engine on this object.
pub fn mend(finding: &Finding, object: &Node) -> Repair {
    let by_hand = || Repair::ByHand(finding.remediation.to_string());
    let Some(id) = id_of(&finding.rule) else {
        return by_hand();
    };
    let pointer = &*finding.locus.pointer;
    if id == Id::IST_JWT_02 {
        return Repair::Decision(Question {
            text: "which audience do the tokens for this service have".to_owned(),
            answer: Answer::Word("".into(), "".into()),
            pointers: vec![below(pointer, "-")],
            besides: Mend {
                operations: vec![Operation::set(pointer, Data::List(Vec::new()))],
                caution: Some("tokens for others are refused from now on".to_owned()),
            },
        });
    }
    let Some((change, caution)) = change(id) else {
        return by_hand();
    };
    let Some(operations) = operations(change, pointer, object) else {
        return by_hand();
    };
    Repair::Mechanical(Mend {
        operations,
        caution: caution.map(str::to_owned),
    })
}

/// How the findings of a rule are repaired, as far as the rule alone tells.
pub fn repairable(rule: &RuleId) -> Repairable {
    match id_of(rule) {
        Some(Id::IST_JWT_02) => Repairable::Decision,
        Some(id) => match change(id) {
            Some((_, Some(_))) => Repairable::WithCaution,
            Some((_, None)) => Repairable::Safe,
            None => Repairable::ByHand,
        },
        None => Repairable::ByHand,
    }
}

fn id_of(rule: &RuleId) -> Option<Id> {
    let mut all = Id::ALL.iter().copied();
    all.find(|id| id.text() == rule.as_str())
}

/// The operations that a change takes; `None` where the object is not as the change expects.
fn operations(change: Change, pointer: &str, object: &Node) -> Option<Vec<Operation>> {
    let there = object.pointer(pointer);
    let one = |operation| Some(vec![operation]);
    match change {
        Change::Text(text) => {
            // A key of capitals is answered in capitals (`PERMISSIVE`), another as written.
            let is_small = there.and_then(Node::as_str).is_some_and(is_title_case);
            let text = if is_small {
                title_case(text)
            } else {
                text.to_owned()
            };
            one(Operation::set(pointer, Data::text(text)))
        }
        Change::Modern if pointer.ends_with("/cipherSuites") => one(Operation::remove(pointer)),
        Change::Modern => one(Operation::set(pointer, Data::text("TLSV1_2"))),
        // The object as a whole is no setting.
        Change::Remove if pointer.is_empty() => None,
        Change::Remove => there.and_then(|_| one(Operation::remove(pointer))),
        Change::Below(key, text) => one(Operation::set(below(pointer, key), Data::text(text))),
        Change::Capitals => {
            let text = there?.as_str()?.to_ascii_uppercase();
            one(Operation::set(pointer, Data::text(text)))
        }
        Change::Https => {
            let rest = there?.as_str()?.strip_prefix("http://")?;
            one(Operation::set(
                pointer,
                Data::text(format!("https://{rest}")),
            ))
        }
        Change::Redirect => {
            let server = pointer.strip_suffix("/port")?;
            let tls = below(&below(server, "tls"), "httpsRedirect");
            one(Operation::set(tls, Data::Bool(true)))
        }
        Change::WithoutMetadata => {
            let block = there?.get("ipBlock")?;
            let cidr = Cidr::read(block.get("cidr")?.as_str()?)?;
            let is_in = |text: &&str| Cidr::read(text).is_some_and(|one| cidr.holds(one));
            let of_kind = METADATA.into_iter().filter(is_in);
            let texts: Vec<Data> = of_kind.map(Data::text).collect();
            let except = below(&below(pointer, "ipBlock"), "except");
            match block.get("except") {
                Some(_) => Some(
                    texts
                        .into_iter()
                        .map(|text| Operation::append(&except, text))
                        .collect(),
                ),
                None => one(Operation::set(except, Data::List(texts))),
            }
        }
        Change::PolicyType => {
            let direction = match pointer {
                "/spec/ingress" => "Ingress",
                "/spec/egress" => "Egress",
                _ => return None,
            };
            let types = "/spec/policyTypes";
            let both = || Data::List(["Ingress", "Egress"].map(Data::text).to_vec());
            let add = |_| Operation::append(types, Data::text(direction));
            let there = object.pointer(types);
            one(there.map_or_else(|| Operation::set(types, both()), add))
        }
    }
}

fn is_title_case(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_uppercase) && text.chars().any(char::is_lowercase)
}

/// `STRICT` as `Strict`.
fn title_case(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first
        .into_iter()
        .chain(chars.map(|c| c.to_ascii_lowercase()))
        .collect()
}
