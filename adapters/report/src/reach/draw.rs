//! The map as a drawing: the internet on the left, a box for each namespace with its workloads,
//! in columns by how many steps away the internet is. Lines are drawn between namespaces, with
//! how many pairs of workloads are open of all there are between them, so that two hundred
//! workloads are as readable as twelve. Red is open to anybody there, green under a proven
//! identity only; what is blocked has no line. Only lines that lead on are drawn, from the left
//! to the right and within a column: that is the way of an attacker; and of very many those that
//! most passes on. What is in the network of a node is the node, which reaches every pod that it
//! runs, and sends no lines. The same input gives the same bytes.

use super::machine::name;
use crate::text::{cut, escaped, width};
use seawall_assessment::reach::{Flows, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

/// Pixels: a line of text, a box, the space between columns and between boxes.
const LINE: usize = 18;
const BOX: usize = 250;
const BETWEEN: usize = 130;
const APART: usize = 28;
const EDGE: usize = 24;
/// Characters that fit into a box, and workloads that are listed in one.
const CHARS: usize = 32;
const MOST_LISTED: usize = 14;

/// A namespace on the drawing.
struct Space {
    workloads: Vec<String>,
    exposed: BTreeSet<String>,
    x: usize,
    y: usize,
    height: usize,
}

/// What is open between two namespaces, in pairs of workloads.
#[derive(Default)]
struct Between {
    /// To anybody there.
    plain: BTreeSet<(usize, usize)>,
    /// Under an identity that a mesh proves.
    proven: BTreeSet<(usize, usize)>,
    /// For some requests only.
    conditional: BTreeSet<(usize, usize)>,
    /// Whether some of these pass without an identity.
    is_plain_some: bool,
}

impl Between {
    fn count(&self) -> usize {
        let all = self
            .plain
            .iter()
            .chain(&self.proven)
            .chain(&self.conditional);
        all.collect::<BTreeSet<_>>().len()
    }
}

/// With more lines than this those within a column are left out: they lead no further.
const MOST_BESIDE: usize = 24;
/// Lines that are drawn at most: of more, those into each box that most passes on.
const MOST_LINES: usize = 60;
const MOST_INTO_ONE: usize = 2;

/// What a drawing needs of a style, when it stands alone.
const STYLE: &str = "<style>.b{fill:#fff;stroke:#8a94a6}.t{fill:#1d2433}.m{fill:#5a6475}\
     .x{fill:#b42318}.l{fill:none;stroke:#c2410c}.g{fill:none;stroke:#18794e}\
     .i{fill:none;stroke:#b42318;stroke-width:2}.s{stroke-dasharray:5 4}.p{fill:#f6f7f9}</style>\n";

pub(super) fn svg(flows: &Flows) -> String {
    drawing(flows, STYLE)
}

/// The drawing with its style; without one whoever shows it has a style for its classes.
pub(crate) fn drawing(flows: &Flows, style: &str) -> String {
    let mut spaces = spaces(flows);
    let between = between(flows);
    let columns = columns(&spaces, &between);
    let (width, bottom) = place(&mut spaces, &columns);
    let height = bottom + (LEGEND.len() + 1) * LINE + EDGE;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"system-ui,sans-serif\" \
         font-size=\"12\">\n{style}\
         <rect class=\"p\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    internet(bottom, &mut text);
    let (lines, left_out) = lines(&spaces, &between);
    for line in lines {
        line.draw(&mut text);
    }
    for (space, drawn) in &spaces {
        if !drawn.exposed.is_empty() {
            entry(bottom, drawn, &mut text);
        }
        let inside = between.get(&(space.clone(), space.clone()));
        boxed(space, drawn, inside, &mut text);
    }
    legend(bottom, left_out, &mut text);
    text.push_str("</svg>\n");
    text
}

fn space_of(flows: &Flows, place: usize) -> Option<String> {
    let place = flows.places.get(place)?;
    Some(place.namespace.as_deref()?.to_owned())
}

fn spaces(flows: &Flows) -> BTreeMap<String, Space> {
    let mut spaces: BTreeMap<String, Space> = BTreeMap::new();
    for place in 0..flows.workloads {
        let Some(space) = space_of(flows, place) else {
            continue;
        };
        let space = spaces.entry(space).or_insert_with(|| Space {
            workloads: Vec::new(),
            exposed: BTreeSet::new(),
            x: 0,
            y: 0,
            height: 0,
        });
        let name = name(flows, place).to_owned();
        let is_exposed = flows
            .ways
            .iter()
            .any(|way| way.to == place && way.verdict != Verdict::Closed);
        if is_exposed {
            space.exposed.insert(name.clone());
        }
        space.workloads.push(name);
    }
    for space in spaces.values_mut() {
        // What is exposed is listed first, and so never cut off.
        let exposed = std::mem::take(&mut space.exposed);
        space
            .workloads
            .sort_by_key(|name| (!exposed.contains(name), name.clone()));
        space.exposed = exposed;
    }
    spaces
}

fn between(flows: &Flows) -> BTreeMap<(String, String), Between> {
    let mut between: BTreeMap<(String, String), Between> = BTreeMap::new();
    for flow in &flows.flows {
        let Some(to) = space_of(flows, flow.to) else {
            continue;
        };
        for from in &flow.from {
            let is_on_host = flows.places.get(*from).is_some_and(|p| p.is_on_host);
            let Some(space) = space_of(flows, *from).filter(|_| !is_on_host) else {
                continue;
            };
            let pairs = between.entry((space, to.clone())).or_default();
            let pair = (*from, flow.to);
            match (flow.ports.is_empty(), flow.is_proven) {
                (true, is_proven) => {
                    pairs.is_plain_some |= !is_proven;
                    pairs.conditional.insert(pair)
                }
                (_, true) => pairs.proven.insert(pair),
                (_, false) => pairs.plain.insert(pair),
            };
        }
    }
    between
}

/// Namespaces by how many steps it takes to come there from the internet; those that nobody
/// comes to stand last.
fn columns(
    spaces: &BTreeMap<String, Space>,
    between: &BTreeMap<(String, String), Between>,
) -> Vec<Vec<String>> {
    let mut steps: BTreeMap<&str, usize> = BTreeMap::new();
    let mut queue: VecDeque<&str> = VecDeque::new();
    for (space, drawn) in spaces {
        if !drawn.exposed.is_empty() {
            steps.insert(space, 0);
            queue.push_back(space);
        }
    }
    while let Some(space) = queue.pop_front() {
        let next = steps.get(space).copied().unwrap_or(0) + 1;
        for (from, to) in between.keys() {
            if from == space && !steps.contains_key(to.as_str()) {
                steps.insert(to, next);
                queue.push_back(to);
            }
        }
    }
    let last = steps.values().max().map_or(0, |steps| steps + 1);
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); last + 1];
    for space in spaces.keys() {
        let column = steps.get(space.as_str()).copied().unwrap_or(last);
        if let Some(column) = columns.get_mut(column) {
            column.push(space.clone());
        }
    }
    columns.retain(|column| !column.is_empty());
    columns
}

/// Gives every box its place; the size of the drawing.
fn place(spaces: &mut BTreeMap<String, Space>, columns: &[Vec<String>]) -> (usize, usize) {
    let (mut x, mut bottom) = (EDGE + 90 + BETWEEN, 0);
    for column in columns {
        let mut y = EDGE;
        for space in column {
            if let Some(space) = spaces.get_mut(space) {
                let lines = space.workloads.len().min(MOST_LISTED + 1);
                space.x = x;
                space.y = y;
                space.height = (lines + 2) * LINE;
                y += space.height + APART;
            }
        }
        bottom = bottom.max(y);
        x += BOX + BETWEEN;
    }
    (x - BETWEEN / 2 + EDGE, bottom.max(160))
}

/// What the lines mean.
const LEGEND: [(&str, &str); 4] = [
    ("l", "open to anybody there, also in plaintext"),
    ("g", "open under an identity that a mesh proves"),
    ("l s", "open for some requests"),
    (
        "",
        "5/24: pairs of workloads that are open, of all there are; no line: blocked",
    ),
];

fn legend(top: usize, left_out: usize, text: &mut String) {
    for (number, (class, words)) in LEGEND.iter().enumerate() {
        let y = top + (number + 1) * LINE;
        if !class.is_empty() {
            let _ = writeln!(
                text,
                "<path class=\"{class}\" d=\"M{EDGE} {}H{}\"/>",
                y - 4,
                EDGE + 40
            );
        }
        let x = EDGE + 50;
        let _ = writeln!(text, "<text class=\"m\" x=\"{x}\" y=\"{y}\">{words}</text>");
    }
    if left_out > 0 {
        let (x, y) = (EDGE + 50, top + (LEGEND.len() + 1) * LINE);
        let _ = writeln!(
            text,
            "<text class=\"m\" x=\"{x}\" y=\"{y}\">{left_out} lines are left out, most of them \
             within a column: seawall reach tells them</text>"
        );
    }
}

fn internet(height: usize, text: &mut String) {
    let y = height / 2;
    let _ = writeln!(
        text,
        "<rect class=\"b\" x=\"{EDGE}\" y=\"{}\" width=\"90\" height=\"36\" rx=\"18\"/>\
         <text class=\"x\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">internet</text>",
        y - 18,
        EDGE + 45,
        y + 4
    );
}

fn entry(height: usize, to: &Space, text: &mut String) {
    let (x1, y1) = (EDGE + 90, height / 2);
    let (x2, y2) = (to.x, to.y + LINE / 2 + 4);
    let middle = usize::midpoint(x1, x2);
    let _ = writeln!(
        text,
        "<path class=\"i\" d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\"/>"
    );
}

/// A line between two boxes.
struct Line<'d> {
    from: &'d str,
    to: &'d str,
    pairs: &'d Between,
    /// How many pairs there are.
    possible: usize,
    start: (usize, usize),
    end: (usize, usize),
    bend: usize,
}

/// Two namespaces with what is open from the first to the second, and their boxes.
type Chosen<'d> = (&'d str, &'d str, &'d Between, &'d Space, &'d Space);

/// Leaves of the lines into each box those that come from the left and that most passes on.
fn fewer(chosen: &mut Vec<Chosen<'_>>) {
    let rank = |line: &Chosen<'_>| (line.3.x < line.4.x, line.2.count());
    chosen.sort_by(|a, b| a.1.cmp(b.1).then_with(|| rank(b).cmp(&rank(a))));
    let (mut last, mut into) = ("", 0);
    chosen.retain(|line| {
        into = if line.1 == last { into + 1 } else { 1 };
        last = line.1;
        into <= MOST_INTO_ONE
    });
}

/// The lines that lead on, each with a place of its own at both boxes, and how many there are
/// besides.
fn lines<'d>(
    spaces: &'d BTreeMap<String, Space>,
    between: &'d BTreeMap<(String, String), Between>,
) -> (Vec<Line<'d>>, usize) {
    let ends = |from: &str, to: &str| Some((spaces.get(from)?, spaces.get(to)?));
    let mut chosen: Vec<Chosen<'_>> = Vec::new();
    for ((from, to), pairs) in between {
        if let Some((one, two)) = ends(from, to)
            && from != to
            && one.x <= two.x
        {
            chosen.push((from, to, pairs, one, two));
        }
    }
    let all = chosen.len();
    if all > MOST_BESIDE {
        chosen.retain(|(_, _, _, one, two)| one.x < two.x);
    }
    if chosen.len() > MOST_LINES {
        fewer(&mut chosen);
    }
    let left_out = all - chosen.len();
    let lines = chosen
        .iter()
        .map(|(from, to, pairs, one, two)| {
            let is_straight = one.x < two.x;
            // Sorted by where the other end is, lines of one box cross less.
            let mut out: Vec<(usize, usize, &str)> = Vec::new();
            let mut into: Vec<(usize, usize, &str)> = Vec::new();
            for (a, b, _, first, second) in &chosen {
                if a == from {
                    out.push((second.x, second.y, b));
                }
                if b == to && (first.x < second.x) == is_straight {
                    into.push((first.y, first.x, a));
                }
            }
            let start = (one.x + BOX, one.slot(&mut out, to));
            let x = if is_straight { two.x } else { two.x + BOX };
            let end = (x, two.slot(&mut into, from));
            let bend = if is_straight {
                usize::midpoint(start.0, end.0)
            } else {
                start.0 + BETWEEN / 2
            };
            Line {
                from,
                to,
                pairs,
                possible: one.workloads.len() * two.workloads.len(),
                start,
                end,
                bend,
            }
        })
        .collect();
    (lines, left_out)
}

impl Space {
    /// Where a line stands at this box, of all that do.
    fn slot(&self, all: &mut [(usize, usize, &str)], name: &str) -> usize {
        all.sort_unstable();
        let index = all.iter().position(|(_, _, other)| *other == name);
        self.y + LINE + (self.height - LINE) * (index.unwrap_or(0) + 1) / (all.len() + 1)
    }
}

impl Line<'_> {
    fn draw(&self, text: &mut String) {
        let Between {
            plain,
            proven,
            conditional,
            is_plain_some,
        } = self.pairs;
        let class = match (plain.is_empty(), proven.is_empty()) {
            (false, _) => "l",
            (_, false) => "g",
            _ if *is_plain_some => "l s",
            _ => "g s",
        };
        let ((x1, y1), (x2, y2), bend) = (self.start, self.end, self.bend);
        let _ = writeln!(
            text,
            "<path class=\"{class}\" d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}\">\
             <title>{} → {}: {} open, {} under a proven identity, {} for some requests</title>\
             </path>",
            escaped(self.from),
            escaped(self.to),
            plain.len(),
            proven.len(),
            conditional.len(),
        );
        let (x, anchor) = if x1 < x2 {
            (x2 - 4, "end")
        } else {
            (x2 + 4, "start")
        };
        let _ = writeln!(
            text,
            "<text class=\"m\" x=\"{x}\" y=\"{}\" font-size=\"9\" text-anchor=\"{anchor}\">\
             {}/{}</text>",
            y2 - 2,
            self.pairs.count(),
            self.possible
        );
    }
}

fn boxed(space: &str, drawn: &Space, inside: Option<&Between>, text: &mut String) {
    let Space { x, y, height, .. } = *drawn;
    let _ = writeln!(
        text,
        "<rect class=\"b\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" rx=\"6\"/>\
         <text class=\"t\" x=\"{}\" y=\"{}\" font-weight=\"600\">{}</text>",
        x + 10,
        y + LINE,
        escaped(&cut(space, CHARS - 9))
    );
    let within = inside.map_or(0, Between::count);
    let possible = drawn.workloads.len() * drawn.workloads.len().saturating_sub(1);
    let _ = writeln!(
        text,
        "<text class=\"m\" x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"10\">{within}/{possible} inside</text>",
        x + BOX - 10,
        y + LINE
    );
    let more = drawn.workloads.len().saturating_sub(MOST_LISTED);
    let listed = drawn.workloads.iter().take(MOST_LISTED);
    for (number, workload) in listed.enumerate() {
        let class = if drawn.exposed.contains(workload) {
            "x"
        } else {
            "t"
        };
        let short = workload.rsplit('/').next().unwrap_or(workload);
        let shown = if width(short) > CHARS {
            cut(short, CHARS)
        } else {
            short.into()
        };
        let _ = writeln!(
            text,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}<title>{}</title></text>",
            x + 10,
            y + LINE * (number + 2),
            escaped(&shown),
            escaped(workload)
        );
    }
    if more > 0 {
        let _ = writeln!(
            text,
            "<text class=\"m\" x=\"{}\" y=\"{}\">and {more} more</text>",
            x + 10,
            y + LINE * (MOST_LISTED + 2)
        );
    }
}
