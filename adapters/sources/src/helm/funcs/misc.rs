//! Reflection, paths, URLs, semantic versions.

use super::{Args, Builtin, f, w};
use crate::helm::error::{Fail, Result};
use crate::helm::semver::{Constraints, Version};
use crate::helm::url;
use crate::helm::value::convert::map_of;
use crate::helm::value::equal::deep_equal;
use crate::helm::value::object::Object;
use crate::helm::value::{Data, Map, Value};
use std::rc::Rc;

pub(super) const TABLE: &[Builtin] = &[
    f("typeOf", 1, 1, |_, a| Ok(Value::text(a.any(0).type_name()))),
    f("typeIs", 2, 2, |_, a| {
        Ok(Value::bool(a.text(0)?.as_str() == a.any(1).type_name()))
    }),
    f("typeIsLike", 2, 2, |_, a| {
        let (target, name) = (a.text(0)?, a.any(1).type_name());
        Ok(Value::bool(
            target.as_str() == name || format!("*{}", target.as_str()) == name,
        ))
    }),
    f("kindOf", 1, 1, |_, a| Ok(Value::text(a.any(0).kind_name()))),
    f("kindIs", 2, 2, |_, a| {
        Ok(Value::bool(a.text(0)?.as_str() == a.any(1).kind_name()))
    }),
    w("deepEqual", 2, 2, |_, a| {
        Ok(Value::bool(deep_equal(&a.any(0), &a.any(1), 0)))
    }),
    f("semver", 1, 1, |_, a| {
        Ok(Value::object(Object::Version(Version::parse(
            a.text(0)?.as_str(),
        )?)))
    }),
    f("semverCompare", 2, 2, |_, a| {
        let constraints = Constraints::parse(a.text(0)?.as_str())?;
        let version = Version::parse(a.text(1)?.as_str())?;
        Ok(Value::bool(constraints.check(&version)))
    }),
    f("urlParse", 1, 1, |_, a| {
        let parsed = url::Url::parse(a.text(0)?.as_str())
            .map_err(|error| Fail::new(format!("this is no URL: {error}")))?;
        let entries = parsed
            .parts()
            .map(|(key, text)| (Rc::from(key), Value::text(text)));
        Ok(map_of(entries))
    }),
    f("urlJoin", 1, 1, |_, a| url_join(&a.map(0)?)),
];

pub(super) const PATHS: &[Builtin] = &[
    f("base", 1, 1, |_, a| path(a, url::base)),
    f("dir", 1, 1, |_, a| path(a, url::dir)),
    f("clean", 1, 1, |_, a| path(a, url::clean)),
    f("ext", 1, 1, |_, a| path(a, url::ext)),
    f("isAbs", 1, 1, |_, a| {
        Ok(Value::bool(a.text(0)?.as_str().starts_with('/')))
    }),
    f("osBase", 1, 1, |_, a| path(a, url::base)),
    f("osDir", 1, 1, |_, a| path(a, url::dir)),
    f("osClean", 1, 1, |_, a| path(a, url::clean)),
    f("osExt", 1, 1, |_, a| path(a, url::ext)),
    f("osIsAbs", 1, 1, |_, a| {
        Ok(Value::bool(a.text(0)?.as_str().starts_with('/')))
    }),
];

fn path(args: &Args, make: impl Fn(&str) -> String) -> Result<Value> {
    Ok(Value::text(make(args.text(0)?.as_str())))
}

fn url_join(map: &Map) -> Result<Value> {
    let part = |key: &str| -> Result<String> {
        match map.get(key) {
            None => Ok(String::new()),
            Some(Value {
                data: Data::Text(text),
                ..
            }) => Ok(text.as_str().to_owned()),
            Some(other) => Err(Fail::new(format!(
                "`{key}` must be a text, and is {}",
                other.in_words()
            ))),
        }
    };
    let url = url::Url {
        scheme: part("scheme")?,
        opaque: part("opaque")?,
        userinfo: Some(part("userinfo")?).filter(|text| !text.is_empty()),
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        fragment: part("fragment")?,
    };
    Ok(Value::text(url.join()))
}
