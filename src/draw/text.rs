//! The drawing as an indented tree for a terminal: one line a chunk, or a layer where that were too many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::draw::Drawing;
use crate::draw::label::shortened;
use crate::draw::node::facts;

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Deeper lines are not indented further.
const DEEPEST: usize = 12;
/// Chunks are shown one by one as long as they fit on a screen.
const LINES: usize = 24;

impl Drawing {
    /// Results with what they are made of below them, in at most 80 columns. What several lines use has a
    /// number and is shown once.
    pub fn to_text(&self) -> String {
        let mut tree = Tree {
            drawing: self,
            numbers: self.shared(),
            shown: vec![false; self.layers.len()],
            text: String::new(),
        };
        let each = self.nodes.iter().all(|node| node.count == 1);
        let small = each && self.nodes.len() <= LINES && self.is_tree();
        for (number, node) in self.nodes.iter().enumerate() {
            match self.layer(node).is_result() {
                true if small => tree.show_node(number, "", ""),
                true => tree.show(node.layer, None, "", ""),
                false => {}
            }
        }
        tree.text
    }

    /// Whether nothing is used twice.
    fn is_tree(&self) -> bool {
        let mut used = vec![false; self.nodes.len()];
        self.edges.iter().all(|&(input, _)| !std::mem::replace(&mut used[input], true))
    }

    /// The layers that more than one other uses, numbered from 1.
    fn shared(&self) -> BTreeMap<usize, usize> {
        let mut uses = BTreeMap::new();
        for &input in self.layers.iter().flat_map(|layer| &layer.inputs) {
            *uses.entry(input).or_insert(0) += 1;
        }
        uses.retain(|_, uses| *uses > 1);
        uses.into_keys().zip(1..).collect()
    }
}

struct Tree<'a> {
    drawing: &'a Drawing,
    /// Of what is used several times.
    numbers: BTreeMap<usize, usize>,
    shown: Vec<bool>,
    text: String,
}

impl Tree<'_> {
    /// The lines of a layer and of what it uses; `indent` is before the lines below it.
    fn show(&mut self, number: usize, user: Option<usize>, branch: &str, indent: &str) {
        let layer = &self.drawing.layers[number];
        let user_stage = user
            .map(|user| &self.drawing.layers[user])
            .filter(|user| !user.is_result())
            .map(|user| user.stage);
        let mut head = String::new();
        if self.drawing.has_stages() && user.is_some() && user_stage != Some(layer.stage) {
            let _ = write!(head, "stage {}: ", layer.stage);
        }
        if let Some(shared) = self.numbers.get(&number) {
            let _ = write!(head, "[{shared}] ");
        }
        head.push_str(&layer.label);
        if std::mem::replace(&mut self.shown[number], true) {
            return self.line(branch, &head, "  see above");
        }
        let count = layer.count();
        let times = if count > 1 { format!("  x {count}") } else { String::new() };
        self.line(branch, &head, &format!("{times}  {}", facts(layer, &layer.largest(), count).join("  ")));
        for (place, &input) in layer.inputs.iter().enumerate() {
            let last = place + 1 == layer.inputs.len();
            if indent.chars().count() >= 2 * DEEPEST {
                self.show(input, Some(number), branch, indent);
            } else {
                let (own, below) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
                self.show(input, Some(number), &format!("{indent}{own}"), &format!("{indent}{below}"));
            }
        }
    }

    /// The lines of a node and of what it uses.
    fn show_node(&mut self, number: usize, branch: &str, indent: &str) {
        let node = &self.drawing.nodes[number];
        self.line(branch, &self.drawing.layer(node).label, &format!("  {}", node.facts.join("  ")));
        let inputs = self.drawing.edges.iter().filter(|(_, user)| *user == number).map(|(input, _)| *input);
        let inputs: Vec<usize> = inputs.collect();
        for (place, &input) in inputs.iter().enumerate() {
            let last = place + 1 == inputs.len();
            let (own, below) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
            self.show_node(input, &format!("{indent}{own}"), &format!("{indent}{below}"));
        }
    }

    /// A line, of whose head as much is shown as there is room for.
    fn line(&mut self, branch: &str, head: &str, tail: &str) {
        let room = WIDTH.saturating_sub(branch.chars().count() + tail.chars().count());
        let line = format!("{branch}{}{tail}", shortened(head, room.max(10)));
        self.text.push_str(&shortened(&line, WIDTH));
        self.text.push('\n');
    }
}
