//! `{{ range }}`: over lists, maps, files and numbers.

use super::ast::{Branch, Pipe};
use super::exec::{Engine, Flow, Frame};
use crate::helm::error::{Fail, Result};
use crate::helm::value::convert;
use crate::helm::value::{Data, Value};

impl Engine<'_> {
    pub(super) fn range(
        &mut self,
        frame: &mut Frame,
        branch: &Branch,
        dot: &Value,
    ) -> Result<Flow> {
        let mark = frame.vars.len();
        let value = self.pipe(frame, dot, &branch.pipe)?;
        let entries = self.entries(frame, branch, &value)?;
        let around = frame.around;
        let cause = value.first_cause();
        let decided = if cause > crate::helm::places::ROOT {
            cause
        } else {
            around
        };
        let mut flow = Flow::Normal;
        if entries.is_empty() {
            if let Some(otherwise) = &branch.otherwise {
                frame.around = decided;
                flow = self.body(frame, otherwise, dot)?;
            }
        } else {
            let top = frame.vars.len();
            for (index, item) in entries {
                self.budget.step(1)?;
                bind(frame, &branch.pipe, index, &item)?;
                let own = item.first_cause();
                frame.around = if own == 0 { decided } else { own };
                let ended = self.body(frame, &branch.body, &item)?;
                frame.vars.truncate(top);
                if ended == Flow::Break {
                    break;
                }
            }
        }
        frame.around = around;
        frame.vars.truncate(mark);
        Ok(flow)
    }

    /// What a range runs over: indexes or keys, and items.
    fn entries(
        &mut self,
        frame: &Frame,
        branch: &Branch,
        value: &Value,
    ) -> Result<Vec<(Value, Value)>> {
        let numbered = |items: Vec<Value>| -> Vec<(Value, Value)> {
            let index = |at: usize| Value::int(i64::try_from(at).unwrap_or(0));
            items
                .into_iter()
                .enumerate()
                .map(|(at, item)| (index(at), item))
                .collect()
        };
        if let Some(items) = convert::items(value) {
            return Ok(numbered(items));
        }
        match &value.data {
            Data::Invalid | Data::Nil => Ok(Vec::new()),
            Data::Map(map) => {
                let entries = map.entries().into_iter();
                Ok(entries
                    .map(|(key, item)| (Value::text(key).caused_by(item.cause), item))
                    .collect())
            }
            Data::Int(..) | Data::Uint(..) => {
                if branch.pipe.decl.len() > 1 {
                    let shown = convert::display(value);
                    let message =
                        format!("can't use {shown} to iterate over more than one variable");
                    return Err(Fail::at(message, &frame.source, branch.pipe.at));
                }
                let count = convert::to_int64(value).max(0);
                self.budget.step(count.cast_unsigned())?;
                Ok((0..count)
                    .map(|at| (Value::INVALID, Value::int(at)))
                    .collect())
            }
            Data::Object(object) => match &**object {
                crate::helm::value::object::Object::Files(files) => Ok(files
                    .files
                    .iter()
                    .map(|(name, file)| {
                        let bytes = crate::helm::value::object::Object::Bytes(file.bytes.clone());
                        (Value::text(name.clone()), Value::object(bytes))
                    })
                    .collect()),
                _ => Err(cannot_range(frame, branch, value)),
            },
            _ => Err(cannot_range(frame, branch, value)),
        }
    }
}

fn cannot_range(frame: &Frame, branch: &Branch, value: &Value) -> Fail {
    let shown = convert::display(value);
    Fail::at(
        format!("range can't iterate over {shown}"),
        &frame.source,
        branch.pipe.at,
    )
}

/// Gives range variables their values for one round.
fn bind(frame: &mut Frame, pipe: &Pipe, index: Value, item: &Value) -> Result<()> {
    let top = frame.vars.len();
    match (pipe.decl.as_slice(), pipe.assign) {
        ([], _) => {}
        ([name], true) => frame.assign(name, item.clone(), pipe.at)?,
        ([key, name, ..], true) => {
            frame.assign(key, index, pipe.at)?;
            frame.assign(name, item.clone(), pipe.at)?;
        }
        ([_], false) => {
            if let Some(slot) = top.checked_sub(1).and_then(|at| frame.vars.get_mut(at)) {
                slot.1 = item.clone();
            }
        }
        ([_, _, ..], false) => {
            if let Some(slot) = top.checked_sub(1).and_then(|at| frame.vars.get_mut(at)) {
                slot.1 = item.clone();
            }
            if let Some(slot) = top.checked_sub(2).and_then(|at| frame.vars.get_mut(at)) {
                slot.1 = index;
            }
        }
    }
    Ok(())
}
