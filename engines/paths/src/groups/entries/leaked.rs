//! ENTRY_LEAKED_CRED: tokens of service accounts where everybody reads them: in ConfigMaps and
//! in the environment as it stands in a manifest. A token that ends is not told from one that
//! has ended, so only those that never end count.

use crate::picture::{Leak, Picture};
use seawall_model::access::Identity;
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node as Tree;

/// Notes all of them.
pub(super) fn note(picture: &mut Picture<'_>) {
    let mut found: Vec<(Identity, String)> = Vec::new();
    let snapshot = picture.snapshot;
    for (_, object) in snapshot.of_kind("", "ConfigMap") {
        let data = object.body().and_then(|body| body.get("data")?.as_map());
        let values = data.into_iter().flatten();
        for text in values.filter_map(|entry| Tree::as_str(&entry.value)) {
            let owner = owner_of_token(text);
            found.extend(owner.map(|owner| (owner, object.reference.to_string())));
        }
    }
    for (_, workload) in picture.workload_ids() {
        for container in &workload.template.containers {
            for variable in &container.env {
                if let EnvSource::Literal(value) = &variable.source {
                    let owner = owner_of_token(&value.value);
                    found.extend(owner.map(|owner| (owner, workload.owner.to_string())));
                }
            }
        }
    }
    for (identity, place) in found {
        let number = picture.identities.number(&identity);
        picture.leaks.push(Leak {
            identity: crate::spot::IdentityId(number),
            name: format!("the token of {identity} in {place}"),
        });
    }
}

/// Whose token stands in a text: three parts of base64, the second of which names a service
/// account and no end.
fn owner_of_token(text: &str) -> Option<Identity> {
    const SUBJECT: &str = "\"sub\":\"";
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let words = text.split(|letter| !is_of_token(letter));
    words
        .filter(|word| word.starts_with("eyJ"))
        .find_map(|word| {
            let mut parts = word.split('.');
            let (_, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
            let payload = decoded(payload).filter(|_| !signature.is_empty())?;
            let (_, rest) = payload.split_once(SUBJECT)?;
            let (user, _) = rest.split_once('"')?;
            let identity = Identity::of_user(user);
            let is_account = matches!(identity, Identity::ServiceAccount { .. });
            (is_account && !payload.contains("\"exp\":")).then_some(identity)
        })
}

/// Base64 as tokens have it, without padding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_tokens_are_told() {
        // {"sub":"system:serviceaccount:shop:web"} and {"sub":"…","exp":1}
        let forever = "eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDp3ZWIifQ";
        let ends = "eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDp3ZWIiLCJleHAiOjF9";
        let token = |payload: &str| format!("token: eyJhbGciOiJub25lIn0.{payload}.c2lnbmVk\n");
        let web = Identity::of_user("system:serviceaccount:shop:web");
        assert_eq!(owner_of_token(&token(forever)), Some(web));
        assert_eq!(owner_of_token(&token(ends)), None);
        assert_eq!(owner_of_token("eyJhbGciOiJub25lIn0 and no more"), None);
        assert_eq!(owner_of_token("eyJ.eyJ.é"), None);
    }
}
