//! Filter chains, and the managers of HTTP connections in them.

use super::config::Piece;

/// One manager of HTTP connections.
pub(super) struct Manager<'n> {
    pub(super) settings: Piece<'n>,
    pub(super) filters: Vec<Piece<'n>>,
}

/// The filter chains of a listener.
pub(super) fn chains<'n>(listener: &Piece<'n>) -> Vec<Piece<'n>> {
    let mut chains = listener.items("filter_chains");
    chains.extend(listener.get("default_filter_chain"));
    chains
}

/// The managers of HTTP connections of a chain.
pub(super) fn managers<'n>(chain: &Piece<'n>) -> Vec<Manager<'n>> {
    let filters = chain.items("filters").into_iter();
    let filters = filters.filter(|filter| filter.is("http_connection_manager"));
    let settings = filters.filter_map(|filter| filter.settings());
    settings
        .map(|settings| Manager {
            filters: settings.items("http_filters"),
            settings,
        })
        .collect()
}

impl<'n> Manager<'n> {
    /// The first filter of a name, and its place in the order.
    pub(super) fn filter(&self, name: &str) -> Option<(usize, &Piece<'n>)> {
        let mut all = self.filters.iter().enumerate();
        all.find(|(_, filter)| filter.is(name))
    }

    /// Whether something from a place on refuses requests: rules that are enforced, or a
    /// service that is asked.
    pub(super) fn refuses_from(&self, place: usize) -> bool {
        self.filters.iter().skip(place).any(|filter| {
            filter.is("ext_authz")
                || filter.is("rbac")
                    && filter
                        .settings()
                        .is_some_and(|one| one.get("rules").is_some())
        })
    }

    /// The virtual hosts that it knows by itself.
    pub(super) fn routes(&self) -> Vec<Piece<'n>> {
        let hosts = self.settings.get("route_config");
        let hosts = hosts.map_or_else(Vec::new, |routes| routes.items("virtual_hosts"));
        hosts.iter().flat_map(|host| host.items("routes")).collect()
    }
}
