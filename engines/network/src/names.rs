//! Peers in words.

use crate::network::Network;
use crate::places::Peer;
use crate::reach::{Bits, Cidr};

impl Network<'_, '_> {
    /// A peer in words: `Deployment shop/web`, `node`, `internet`, `10.0.0.0/8`.
    pub fn name(&self, peer: Peer) -> String {
        match peer {
            Peer::Endpoint(id) => self
                .world
                .endpoint_at(id)
                .map_or_else(String::new, |endpoint| {
                    let owner = &endpoint.workload.owner;
                    let space = self.world.namespace_at(endpoint.namespace);
                    let space = space.map_or("", |space| space.name);
                    format!("{} {space}/{}", owner.kind, owner.name)
                }),
            Peer::Node => "node".to_owned(),
            Peer::Controller => "ingress controller (not in the input)".to_owned(),
            Peer::Internet => "internet".to_owned(),
            Peer::Region(id) => {
                let prefix = self.prefix(id.0 as usize);
                prefix.map_or_else(String::new, |prefix| prefix.to_string())
            }
        }
    }

    /// The addresses of a region: those of a block without the blocks in it that are regions
    /// of their own.
    fn prefix(&self, region: usize) -> Option<Cidr> {
        self.places.regions.prefix(region)
    }

    /// A set of peers in words, each group that is in it as a whole by one name.
    pub fn names(&self, set: &Bits) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let first = self.places.first_region();
        let inside = set.iter().take_while(|place| *place < first);
        names.extend(inside.map(|place| self.name(self.places.peer(place))));
        names.sort_unstable();
        names.dedup();
        let mut all = self.places.none();
        all.insert_range(first, self.places.len());
        all.subtract(&self.places.nowhere);
        let public = self.places.internet.clone();
        let private = all.without(&public);
        for (group, name) in [(&public, "internet"), (&private, "private addresses")] {
            if group.without(set).is_empty() {
                names.push(name.to_owned());
            } else {
                let part = group.and(set);
                names.extend(part.iter().map(|place| self.name(self.places.peer(place))));
            }
        }
        names
    }
}
