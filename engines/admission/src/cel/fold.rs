//! The macros that go over a list or mapping.

use super::ast::How;
use super::compile::Loop;
use super::eval::{Machine, known, no_overload};
use super::fault::{Eval, Fault, FaultKind, fault};
use super::library::lists::sorted_by;
use super::value::{Key, Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What has come together so far.
#[derive(Default)]
struct State {
    failed: Option<Box<Fault>>,
    count: usize,
    list: Vec<Value>,
    keys: Vec<Value>,
    map: BTreeMap<Key, Value>,
}

impl Machine<'_> {
    pub(crate) fn fold(&mut self, body: &Loop) -> Eval<Value> {
        let range = self.eval(&body.range)?;
        known(&range)?;
        if let How::OptMap | How::OptFlatMap = body.how {
            return self.optional(body, &range);
        }
        let base = self.locals.len();
        let result = self.items(body, &range, base);
        self.locals.truncate(base);
        result
    }

    fn items(&mut self, body: &Loop, range: &Value, base: usize) -> Eval<Value> {
        self.locals.push(Value::Null);
        if body.two {
            self.locals.push(Value::Null);
        }
        let mut state = State::default();
        let mut bind = |machine: &mut Self, first: Value, second: Option<Value>| {
            if let Some(slot) = machine.locals.get_mut(base) {
                *slot = first;
            }
            if let (Some(second), Some(slot)) = (second, machine.locals.get_mut(base + 1)) {
                *slot = second;
            }
            machine.item(body, base, &mut state)
        };
        let mut decided = None;
        match range {
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    decided = if body.two {
                        let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                        bind(self, index, Some(item))?
                    } else {
                        bind(self, item, None)?
                    };
                    if decided.is_some() {
                        break;
                    }
                }
            }
            Value::Map(map) if body.how != How::SortBy => {
                // A mapping that changes while it is walked does not exist: this is a value.
                let map: Map = map.clone();
                for (key, value) in map.entries() {
                    decided = bind(self, key, body.two.then_some(value))?;
                    if decided.is_some() {
                        break;
                    }
                }
            }
            other => return Err(no_overload("a comprehension", &[other])),
        }
        match decided {
            Some(value) => Ok(value),
            None => self.result(body, state),
        }
    }

    /// One item; a value when it decides the result.
    fn item(&mut self, body: &Loop, base: usize, state: &mut State) -> Eval<Option<Value>> {
        // What an expression binds below an item is gone with it.
        self.locals.truncate(base + 1 + usize::from(body.two));
        self.charge(1)?;
        if let Some(filter) = &body.filter
            && !truth(self.eval(filter)?)?
        {
            return Ok(None);
        }
        let result = self.eval(&body.body);
        match body.how {
            How::All | How::Exists => {
                let decisive = body.how == How::Exists;
                match result.and_then(truth) {
                    Ok(truth) if truth == decisive => return Ok(Some(Value::Bool(decisive))),
                    Ok(_) => {}
                    Err(wrong) if wrong.kind == FaultKind::Cost => return Err(wrong),
                    Err(mut wrong) => {
                        if wrong.offset == u32::MAX {
                            wrong.offset = body.body.at;
                        }
                        state.failed.get_or_insert(wrong);
                    }
                }
            }
            How::ExistsOne => state.count += usize::from(truth(result?)?),
            How::List => state.list.push(result?),
            How::Filter => {
                if truth(result?)? {
                    let item = self.locals.get(base).cloned();
                    state.list.push(item.unwrap_or(Value::Null));
                }
            }
            How::SortBy => {
                state.keys.push(result?);
                let item = self.locals.get(base).cloned();
                state.list.push(item.unwrap_or(Value::Null));
            }
            How::Map => {
                let key = self.locals.get(base).and_then(Key::of);
                let key = key.ok_or_else(|| fault("unsupported key type"))?;
                state.map.insert(key, result?);
            }
            How::Entries => {
                let Value::Map(entries) = result? else {
                    return Err(fault("transformMapEntry() needs a mapping for each item"));
                };
                for (key, value) in entries.entries() {
                    self.charge(1)?;
                    let key = Key::of(&key).ok_or_else(|| fault("unsupported key type"))?;
                    if state.map.insert(key, value).is_some() {
                        return Err(fault("insert failed: the key is already there"));
                    }
                }
            }
            How::OptMap | How::OptFlatMap => {}
        }
        Ok(None)
    }

    fn result(&mut self, body: &Loop, state: State) -> Eval<Value> {
        match body.how {
            How::All | How::Exists => match state.failed {
                Some(wrong) => Err(wrong),
                None => Ok(Value::Bool(body.how == How::All)),
            },
            How::ExistsOne => Ok(Value::Bool(state.count == 1)),
            How::List | How::Filter => Ok(Value::list(state.list)),
            How::SortBy => sorted_by(self, state.list, &state.keys),
            How::Map | How::Entries => Ok(Value::map(state.map)),
            How::OptMap | How::OptFlatMap => Ok(Value::Optional(None)),
        }
    }

    fn optional(&mut self, body: &Loop, range: &Value) -> Eval<Value> {
        let Value::Optional(inner) = range else {
            return Err(no_overload("optMap", &[range]));
        };
        let Some(inner) = inner else {
            return Ok(Value::Optional(None));
        };
        self.locals.push((**inner).clone());
        let result = self.eval(&body.body);
        self.locals.pop();
        match (result?, body.how) {
            (Value::Optional(inner), How::OptFlatMap) => Ok(Value::Optional(inner)),
            (other, How::OptFlatMap) => Err(no_overload("optFlatMap", &[&other])),
            (value, _) => Ok(Value::Optional(Some(Arc::new(value)))),
        }
    }
}

fn truth(value: Value) -> Eval<bool> {
    known(&value)?;
    match value {
        Value::Bool(truth) => Ok(truth),
        other => Err(no_overload("a predicate", &[&other])),
    }
}
