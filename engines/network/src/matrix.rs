//! Who reaches what, as a table: for every endpoint who sends to it, those alike together.
//!
//! A column is made from the row of its endpoint and the rows of all who send. When few rows
//! have changed, the others' columns are shared with the matrix before, or corrected for the
//! senders that have another row.

use crate::network::Network;
use crate::places::Places;
use crate::reach::Bits;
use crate::rows::{Reach, Row, Rows};
use crate::world::EndpointId;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

impl Network<'_, '_> {
    /// Who reaches every endpoint, with sources that reach it alike together.
    pub fn matrix(&self) -> Matrix {
        let parts = |rows: &Rows| -> Vec<Parts> {
            let rows = rows.all.par_iter();
            rows.map(|row| row.parts(&self.places)).collect()
        };
        let (ingress, egress) = rayon::join(|| parts(&self.ingress), || parts(&self.egress));
        let outward = Outward::new(egress, self.senders());
        let open = vec![(Reach::everything(), self.places.all())];
        let columns = (0..self.places.endpoints())
            .into_par_iter()
            .map(|target| {
                let row = self
                    .row_of(&self.ingress, target)
                    .and(self.ingress.of.get(target));
                let inward = row.and_then(|row| ingress.get(*row)).unwrap_or(&open);
                let sent = outward.to(target, &self.places);
                Arc::new(Column::new(inward, sent))
            })
            .collect();
        Matrix { columns }
    }

    /// The matrix, from that of the network which this one comes of ([`after`](Self::after)).
    /// It equals [`matrix`](Self::matrix); what did not change is shared.
    pub fn matrix_after(&self, before: &Network<'_, '_>, matrix: &Matrix) -> Matrix {
        if !Arc::ptr_eq(&self.places, &before.places) || matrix.len() != self.places.endpoints() {
            return self.matrix();
        }
        let has_moved = |rows: &Rows, old: &Rows, place: usize| {
            let both = self.row_of(rows, place).zip(self.row_of(old, place));
            both.is_some_and(|(row, old)| !Arc::ptr_eq(row, old))
        };
        let all = || 0..self.places.endpoints();
        let targets = all().filter(|place| has_moved(&self.ingress, &before.ingress, *place));
        let targets: Vec<usize> = targets.collect();
        let sources = all().filter(|place| has_moved(&self.egress, &before.egress, *place));
        let sources: Vec<usize> = sources.collect();
        if (targets.len() + sources.len()) * MANY > self.places.endpoints() {
            return self.matrix();
        }
        let mut columns = matrix.columns.clone();
        let senders = self.senders();
        let made: Vec<(usize, Column)> = targets
            .par_iter()
            .map(|target| (*target, self.column(*target, &senders)))
            .collect();
        let mut is_made = self.places.none();
        for (target, column) in made {
            is_made.insert(target);
            if let Some(slot) = columns.get_mut(target) {
                *slot = Arc::new(column);
            }
        }
        if !sources.is_empty() {
            let others = columns.par_iter_mut().enumerate();
            let others = others.filter(|(target, _)| !is_made.has(*target));
            others.for_each(|(target, column)| self.correct(column, target, &sources, before));
        }
        Matrix { columns }
    }

    /// One column by itself.
    fn column(&self, target: usize, senders: &[Senders]) -> Column {
        let row = self.row_of(&self.ingress, target).cloned();
        let row = row.unwrap_or_else(|| Arc::new(Row::open(&self.places)));
        let mut sent: HashMap<Reach, Bits> = HashMap::new();
        for (row, senders) in self.egress.all.iter().zip(senders) {
            let reach = row.at(target);
            if !reach.is_empty() {
                let from = sent.entry(reach).or_insert_with(|| self.places.none());
                senders.add_to(from);
            }
        }
        Column::new(
            &row.parts(&self.places),
            sent.iter().map(|(reach, from)| (reach, from.clone())),
        )
    }

    /// Puts sources that have other rows now than before where they belong in a column whose
    /// endpoint has the row that it had.
    fn correct(
        &self,
        column: &mut Arc<Column>,
        target: usize,
        sources: &[usize],
        before: &Network<'_, '_>,
    ) {
        for source in sources {
            let at = |rows| Some(self.row_of(rows, *source)?.at(target));
            let (is, was) = (at(&self.egress), at(&before.egress));
            if is == was {
                continue;
            }
            let reach = self.policies_pass(*source, target);
            let known = column.of(*source);
            if known.map_or(!reach.is_empty(), |known| *known != reach) {
                Arc::make_mut(column).put(*source, reach, &self.places);
            }
        }
    }
}

/// When one in so many endpoints has another row, all columns are made anew: it is less work.
const MANY: usize = 4;

/// Places with what passes, alike ones together.
type Parts = Vec<(Reach, Bits)>;

/// Egress by row: what passes to whom, and whose row it is.
struct Outward {
    /// What passes; rows say much the same, so that it has a number.
    reaches: Vec<Reach>,
    rows: Vec<(Vec<(usize, Bits)>, Senders)>,
}

impl Outward {
    fn new(parts: Vec<Parts>, senders: Vec<Senders>) -> Self {
        let mut reaches: Vec<Reach> = Vec::new();
        let mut numbers: HashMap<Reach, usize> = HashMap::new();
        let numbered = parts.into_iter().map(|parts| {
            let parts = parts.into_iter().map(|(reach, set)| {
                let number = *numbers.entry(reach).or_insert_with_key(|reach| {
                    reaches.push(reach.clone());
                    reaches.len() - 1
                });
                (number, set)
            });
            parts.collect()
        });
        let rows = numbered.zip(senders).collect();
        Self { reaches, rows }
    }

    /// Who may send to a place, alike ones together.
    fn to(&self, target: usize, places: &Places) -> Vec<(&Reach, Bits)> {
        let mut by_number: Vec<Option<usize>> = vec![None; self.reaches.len()];
        let mut found: Vec<(&Reach, Bits)> = Vec::new();
        for (parts, senders) in &self.rows {
            let Some((number, _)) = parts.iter().find(|(_, set)| set.has(target)) else {
                continue;
            };
            let (Some(slot), Some(reach)) = (by_number.get_mut(*number), self.reaches.get(*number))
            else {
                continue;
            };
            let index = *slot.get_or_insert_with(|| {
                found.push((reach, places.none()));
                found.len() - 1
            });
            if let Some((_, set)) = found.get_mut(index) {
                senders.add_to(set);
            }
        }
        found
    }
}

/// Places with one egress row.
#[derive(Debug, Clone)]
pub(crate) enum Senders {
    Few(Vec<usize>),
    Many(Bits),
}

impl Senders {
    pub(crate) fn add_to(&self, set: &mut Bits) {
        match self {
            Senders::Few(places) => places.iter().for_each(|place| set.insert(*place)),
            Senders::Many(places) => set.add(places),
        }
    }
}

/// Who reaches what, as the policies decide; layers behind them are asked pair by pair
/// ([`Network::reach`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    columns: Vec<Arc<Column>>,
}

/// Who reaches one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    /// By what passes.
    cells: Vec<(Reach, Bits)>,
}

impl Column {
    /// Who of those that send is let in.
    fn new<'r>(inward: &Parts, sent: impl IntoIterator<Item = (&'r Reach, Bits)>) -> Self {
        let mut cells: Vec<(Reach, Bits)> = Vec::new();
        let mut known: HashMap<Reach, usize> = HashMap::new();
        for (sent, from) in sent {
            for (let_in, whom) in inward {
                if !from.meets(whom) {
                    continue;
                }
                let reach = sent.and(let_in);
                if reach.is_empty() {
                    continue;
                }
                let both = from.and(whom);
                if let Some((_, set)) = known.get(&reach).and_then(|i| cells.get_mut(*i)) {
                    set.add(&both);
                } else {
                    known.insert(reach.clone(), cells.len());
                    cells.push((reach, both));
                }
            }
        }
        cells.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self { cells }
    }

    /// What passes from a source, if something does.
    fn of(&self, source: usize) -> Option<&Reach> {
        let mut cells = self.cells.iter();
        let cell = cells.find(|(_, sources)| sources.has(source));
        cell.map(|(reach, _)| reach)
    }

    /// Makes this what passes from a source.
    fn put(&mut self, source: usize, reach: Reach, places: &Places) {
        for (_, sources) in &mut self.cells {
            sources.remove(source);
        }
        self.cells.retain(|(_, sources)| !sources.is_empty());
        if reach.is_empty() {
            return;
        }
        let found = self.cells.binary_search_by(|(known, _)| known.cmp(&reach));
        let place = found.unwrap_or_else(|place| {
            self.cells.insert(place, (reach, places.none()));
            place
        });
        if let Some((_, sources)) = self.cells.get_mut(place) {
            sources.insert(source);
        }
    }
}

impl Matrix {
    /// What passes to an endpoint, with all who send it.
    pub fn to(&self, endpoint: EndpointId) -> impl Iterator<Item = &(Reach, Bits)> {
        let column = self.columns.get(endpoint.0 as usize);
        column.into_iter().flat_map(|column| &column.cells)
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many pairs of a source and an endpoint have a port between them.
    pub fn pairs(&self) -> usize {
        let cells = self.columns.iter().flat_map(|column| &column.cells);
        cells.map(|(_, sources)| sources.count()).sum()
    }
}
