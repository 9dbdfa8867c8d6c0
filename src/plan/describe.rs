//! A plan in a few lines of text, for people who look into a run directory.

use std::fmt::Write as _;

use crate::array::{Reduction, Value};
use crate::plan::Plan;
use crate::plan::graph::{Id, Node};

/// Formulas are shown down to this many operations.
const DEPTH: u32 = 6;

impl Plan {
    /// Results as formulas, then each stage with its arrays, chunks and tasks.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(format!("seed {}", self.seed));
        for (name, id) in &self.results {
            line(format!("result {name} = {}", self.formula(*id, DEPTH)));
        }
        for (number, pass) in self.passes.iter().enumerate() {
            line(format!("stage {number}: {} tasks, {} random numbers", pass.tasks(), pass.elements()));
            for cut in pass.groups() {
                line(format!(
                    "  shape {}: {} random arrays, {} chunks, {} tasks of {} elements",
                    cut.shape,
                    cut.sources,
                    cut.chunks,
                    cut.tasks(),
                    cut.extent
                ));
            }
            for entry in self.graph.iter().filter(|entry| entry.after == number + 1) {
                if let Node::Reduce(reduction, array) = entry.node {
                    line(format!("  {} of {}", reduction.name(), self.formula(array, DEPTH)));
                }
            }
        }
        text
    }

    fn formula(&self, id: Id, depth: u32) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "..".into() };
        match &self.graph[id].node {
            Node::Number(value) => Value::Number(*value).to_string(),
            Node::Random(source) => {
                let distribution = source.distribution;
                let parameters: String = distribution
                    .parameters()
                    .iter()
                    .map(|&value| format!("{}, ", Value::Number(value)))
                    .collect();
                let (name, shape, stream) = (distribution.name(), &self.graph[id].shape, &source.stream);
                format!("{name}({parameters}size={shape}, stream={stream:?})")
            }
            Node::Negate(operand) => format!("-{}", self.formula(*operand, depth)),
            Node::Binary(operation, left, right) => {
                format!(
                    "({} {} {})",
                    self.formula(*left, depth),
                    operation.symbol(),
                    self.formula(*right, depth)
                )
            }
            Node::Reduce(reduction, operand) => {
                let ddof = match reduction {
                    Reduction::Var { ddof } | Reduction::Std { ddof } if *ddof > 0 => {
                        format!(", ddof={ddof}")
                    }
                    _ => String::new(),
                };
                format!("{}({}{ddof})", reduction.name(), self.formula(*operand, depth))
            }
        }
    }
}
