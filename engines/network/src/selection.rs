//! Which endpoints label selectors choose.
//!
//! A namespace that is named and not in the picture has labels that nobody knows but its name.
//! A selector then chooses it *perhaps*: rules that let traffic through take it in, rules that
//! stop traffic do not, and the answer says what it rests on.

use crate::places::Places;
use crate::reach::Bits;
use crate::world::{NamespaceId, World};
use seawall_model::Str;
use seawall_snapshot::LabelSelector;
use seawall_snapshot::selector::Operator;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The label with its name that every namespace has.
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Who is chosen for certain, and who perhaps besides.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) surely: Bits,
    pub(crate) perhaps: Bits,
}

/// Namespaces that a selector chooses.
#[derive(Debug, Default)]
pub(crate) struct Spaces {
    surely: Vec<NamespaceId>,
    perhaps: Vec<NamespaceId>,
    /// Whether a namespace that is not in the picture may be one.
    unseen: Certainty,
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Certainty {
    /// It does not.
    #[default]
    No,
    /// The input does not say.
    Perhaps,
    /// It does.
    Yes,
}

/// Answers selectors over one world.
pub(crate) struct Selection<'w, 's> {
    world: &'w World<'s>,
    places: &'w Places,
    /// Endpoints by namespace, those in the node's network left out.
    members: Vec<Vec<usize>>,
    /// Every pod that has a label of its own network.
    pods: Bits,
    by_label: HashMap<(&'s str, &'s str), Vec<usize>>,
    has_cilium: bool,
    spaces: RefCell<HashMap<String, Rc<Spaces>>>,
    peers: RefCell<HashMap<String, Rc<Chosen>>>,
}

impl<'w, 's> Selection<'w, 's> {
    pub(crate) fn new(world: &'w World<'s>, places: &'w Places) -> Self {
        let mut selection = Self {
            world,
            places,
            members: vec![Vec::new(); world.namespaces.len()],
            pods: places.none(),
            by_label: HashMap::new(),
            has_cilium: crate::policy::has_cilium(world),
            spaces: RefCell::default(),
            peers: RefCell::default(),
        };
        for (index, endpoint) in world.endpoints.iter().enumerate() {
            if endpoint.is_host_network() {
                continue;
            }
            selection.pods.insert(index);
            if let Some(members) = selection.members.get_mut(endpoint.namespace.0 as usize) {
                members.push(index);
            }
            for (key, value) in &endpoint.template.labels {
                let label = (&**key, &**value);
                selection.by_label.entry(label).or_default().push(index);
            }
        }
        selection
    }

    pub(crate) fn places(&self) -> &'w Places {
        self.places
    }

    /// Whether Cilium enforces the policies of this cluster: its own ones are here.
    pub(crate) fn has_cilium(&self) -> bool {
        self.has_cilium
    }

    pub(crate) fn world(&self) -> &'w World<'s> {
        self.world
    }

    /// Pods of one namespace.
    pub(crate) fn in_namespace(&self, namespace: &str, pods: &LabelSelector) -> Vec<usize> {
        let Some(id) = self.world.namespace(namespace) else {
            return Vec::new();
        };
        let members = self.members.get(id.0 as usize).into_iter().flatten();
        members
            .copied()
            .filter(|pod| self.is_match(*pod, pods))
            .collect()
    }

    /// Pods that both selectors choose; without one for pods all of the namespaces, without
    /// one for namespaces all of the cluster.
    pub(crate) fn across(&self, spaces: &LabelSelector, pods: &LabelSelector) -> Rc<Chosen> {
        let key = key(&[spaces, pods]);
        if let Some(known) = self.peers.borrow().get(&key) {
            return Rc::clone(known);
        }
        let chosen = Rc::new(self.choose(spaces, pods));
        self.peers.borrow_mut().insert(key, Rc::clone(&chosen));
        chosen
    }

    fn choose(&self, spaces: &LabelSelector, pods: &LabelSelector) -> Chosen {
        let (mut surely, mut perhaps) = (self.places.none(), self.places.none());
        let found = self.spaces(spaces);
        if spaces.requirements.is_empty() {
            self.fill(pods, &mut surely);
        } else {
            for (ids, set) in [(&found.surely, &mut surely), (&found.perhaps, &mut perhaps)] {
                let members = ids.iter().filter_map(|id| self.members.get(id.0 as usize));
                for pod in members.flatten().filter(|pod| self.is_match(**pod, pods)) {
                    set.insert(*pod);
                }
            }
        }
        let controller = self.places.controller();
        match (found.unseen, pods.requirements.is_empty()) {
            (Certainty::No, _) => {}
            (Certainty::Yes, true) => surely.insert(controller),
            _ => perhaps.insert(controller),
        }
        Chosen { surely, perhaps }
    }

    /// Pods of all namespaces.
    fn fill(&self, pods: &LabelSelector, set: &mut Bits) {
        let exact = pods.requirements.iter().find_map(|r| match &r.operator {
            Operator::In(values) if values.len() == 1 => Some((&r.key, values.first()?)),
            _ => None,
        });
        if pods.requirements.is_empty() {
            set.add(&self.pods);
        } else if let Some((key, value)) = exact {
            let known = self.by_label.get(&(&**key, &**value));
            for pod in known.into_iter().flatten() {
                if self.is_match(*pod, pods) {
                    set.insert(*pod);
                }
            }
        } else {
            for pod in self.members.iter().flatten() {
                if self.is_match(*pod, pods) {
                    set.insert(*pod);
                }
            }
        }
    }

    fn is_match(&self, pod: usize, selector: &LabelSelector) -> bool {
        let endpoint = self.world.endpoints.get(pod);
        endpoint.is_some_and(|endpoint| selector.matches(&endpoint.template.labels))
    }

    /// The namespaces that a selector chooses.
    pub(crate) fn spaces(&self, selector: &LabelSelector) -> Rc<Spaces> {
        let key = key(&[selector]);
        if let Some(known) = self.spaces.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut spaces = Spaces::default();
        for (index, space) in self.world.namespaces.iter().enumerate() {
            let id = NamespaceId(u32::try_from(index).unwrap_or(u32::MAX));
            match certainty(selector, &space.labels, space.object.is_some()) {
                Certainty::Yes => spaces.surely.push(id),
                Certainty::Perhaps => spaces.perhaps.push(id),
                Certainty::No => {}
            }
        }
        spaces.unseen = self.unseen(selector);
        let spaces = Rc::new(spaces);
        self.spaces.borrow_mut().insert(key, Rc::clone(&spaces));
        spaces
    }

    /// Whether a selector chooses a namespace whose pods the picture does not hold.
    fn unseen(&self, selector: &LabelSelector) -> Certainty {
        if selector.requirements.is_empty() {
            return Certainty::Yes;
        }
        let is_seen = |name: &Str| {
            let id = self.world.namespace(name);
            let members = id.and_then(|id| self.members.get(id.0 as usize));
            members.is_some_and(|members| !members.is_empty())
        };
        let pinned = selector.requirements.iter().any(|requirement| {
            matches!(&requirement.operator, Operator::In(names)
                if &*requirement.key == NAME_LABEL && names.iter().all(is_seen))
        });
        if pinned {
            Certainty::No
        } else {
            Certainty::Perhaps
        }
    }
}

/// A text that only these selectors have.
fn key(selectors: &[&LabelSelector]) -> String {
    let mut key = String::new();
    for selector in selectors {
        for requirement in &selector.requirements {
            let (sign, values): (char, &[Str]) = match &requirement.operator {
                Operator::In(values) => ('=', values),
                Operator::NotIn(values) => ('!', values),
                Operator::Exists => ('+', &[]),
                Operator::DoesNotExist => ('-', &[]),
            };
            // No text of a label, valid or not, can end another one: lengths stand before.
            let lengths = std::iter::once(&requirement.key).chain(values);
            for text in lengths {
                key.push_str(&text.len().to_string());
                key.push(sign);
                key.push_str(text);
            }
            key.push(';');
        }
        key.push('/');
    }
    key
}

/// Whether a selector chooses labels, of which only the name is known where they are not
/// `complete`.
pub(crate) fn certainty(
    selector: &LabelSelector,
    labels: &[(Str, Str)],
    complete: bool,
) -> Certainty {
    if complete {
        return if selector.matches(labels) {
            Certainty::Yes
        } else {
            Certainty::No
        };
    }
    let mut known = selector.clone();
    known.requirements.retain(|r| &*r.key == NAME_LABEL);
    if !known.matches(labels) {
        Certainty::No
    } else if known.requirements.len() == selector.requirements.len() {
        Certainty::Yes
    } else {
        Certainty::Perhaps
    }
}
