//! Who a peer is, and which of the words that policies use for peers fit.

use super::policy::Key;
use crate::istio::mesh::{DEFAULT_TRUST_DOMAIN, Mesh};
use crate::request::Pattern;
use seawall_model::Str;

/// An identity that a certificate of the mesh proves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The trust domain.
    pub trust_domain: Str,
    /// The namespace.
    pub namespace: Str,
    /// The service account.
    pub service_account: Str,
}

impl Identity {
    /// Reads an identity as policies write it, or `namespace/serviceaccount` of the mesh's own
    /// trust domain.
    pub fn read(text: &str, mesh: &Mesh<'_>) -> Option<Self> {
        let text = text.strip_prefix("spiffe://").unwrap_or(text);
        let parts: Vec<&str> = text.split('/').collect();
        let (trust_domain, namespace, service_account) = match parts.as_slice() {
            [trust_domain, "ns", namespace, "sa", account] => (*trust_domain, *namespace, *account),
            [namespace, account] => (&*mesh.trust_domain, *namespace, *account),
            _ => return None,
        };
        Some(Self {
            trust_domain: trust_domain.into(),
            namespace: namespace.into(),
            service_account: service_account.into(),
        })
    }

    /// The identity as policies write it, without the scheme.
    pub fn principal(&self) -> String {
        let Self {
            trust_domain,
            namespace,
            service_account,
        } = self;
        format!("{trust_domain}/ns/{namespace}/sa/{service_account}")
    }
}

/// The trust domains that count as the mesh's own, its own first.
#[derive(Debug, Clone)]
pub(super) struct TrustDomains(Vec<Str>);

impl TrustDomains {
    pub(super) fn of(mesh: &Mesh<'_>) -> Self {
        let mut all = vec![mesh.trust_domain.clone()];
        all.extend(mesh.trust_domain_aliases.iter().cloned());
        Self(all)
    }

    /// Whether a word of a policy of a namespace fits an identity; one that is not about
    /// identities fits none.
    pub(super) fn fits(&self, key: &Key, word: &str, namespace: &str, identity: &Identity) -> bool {
        match key {
            Key::Principals => self.principal_fits(word, identity),
            Key::Namespaces => namespace_fits(word, identity),
            Key::ServiceAccounts => service_account_fits(word, namespace, identity),
            Key::TrustDomains => trust_domain_fits(word, identity),
            _ => false,
        }
    }

    /// Whether a principal of a policy fits, with the mesh's trust domains in place of one of
    /// them; `cluster.local` always means the mesh's own.
    pub(super) fn principal_fits(&self, value: &str, identity: &Identity) -> bool {
        // Most policies name one account as it is, and everybody is asked about.
        if !value.contains('*') && !value.ends_with(&*identity.service_account) {
            return false;
        }
        let principal = identity.principal();
        if Pattern::read(value).holds(&principal) {
            return true;
        }
        let Some((domain, rest)) = value.split_once('/') else {
            return false;
        };
        let is_own = domain == DEFAULT_TRUST_DOMAIN || self.0.iter().any(|own| &**own == domain);
        is_own
            && self.0.contains(&identity.trust_domain)
            && Pattern::read(&format!("{}/{rest}", identity.trust_domain)).holds(&principal)
    }
}

/// Whether a namespace of a policy fits an identity, as Envoy's expression
/// `.*/ns/<value>/.*` has it. A star may run over the next slash: `*a` fits every namespace,
/// since it fits `anything/sa`.
pub(super) fn namespace_fits(value: &str, identity: &Identity) -> bool {
    let namespace = &*identity.namespace;
    glob(value, namespace) || (value.contains('*') && glob(value, &format!("{namespace}/sa")))
}

/// Whether a service account of a policy of a namespace fits.
pub(super) fn service_account_fits(value: &str, namespace: &str, identity: &Identity) -> bool {
    let (namespace, account) = value.split_once('/').unwrap_or((namespace, value));
    &*identity.namespace == namespace && &*identity.service_account == account
}

/// Whether a trust domain of a policy fits.
pub(super) fn trust_domain_fits(value: &str, identity: &Identity) -> bool {
    glob(value, &identity.trust_domain)
}

/// Whether a text is what a pattern with stars anywhere says.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}
