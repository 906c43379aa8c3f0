//! Templates by name.

use super::program::Program;
use crate::helm::value::text::Text;
use std::collections::HashMap;
use std::rc::Rc;

/// A program and the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) text: Rc<Text>,
    pub(crate) program: Rc<Program>,
}

/// Templates by name. `tpl` defines into a scope of its own on top of the chart's.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    templates: HashMap<Rc<str>, Template>,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    /// An empty scope on top of another.
    pub(crate) fn on(outer: Rc<Scope>) -> Self {
        Self {
            templates: HashMap::new(),
            outer: Some(outer),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Template> {
        std::iter::successors(Some(self), |scope| scope.outer.as_deref())
            .find_map(|scope| scope.templates.get(name))
    }

    /// Adds a template in the place of what has its name, unless it is blank.
    pub(crate) fn define(&mut self, name: Rc<str>, template: Template) {
        if !template.program.blank || self.find(&name).is_none() {
            self.templates.insert(name, template);
        }
    }
}
