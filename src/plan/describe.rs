//! A plan in a few lines of text, for people who look into a run directory.

use std::fmt::Write as _;

use crate::array::{ReductionKind, Value, View};
use crate::kernel::Distribution;
use crate::plan::Plan;
use crate::plan::graph::{Id, Made, Node, operands};

/// Formulas are shown down to this many operations.
pub(super) const DEPTH: u32 = 6;

impl Plan {
    /// Results as formulas, then each stage with its places, tasks and what it makes.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(format!("seed {}", self.seed));
        for (name, id) in &self.results {
            line(format!("result {name} = {}", self.formula(*id, DEPTH)));
        }
        for (path, id) in &self.ends.saved {
            line(format!("save {path} = {}", self.formula(*id, DEPTH)));
        }
        if let Some(extent) = self.extent().filter(|extent| extent.counted > 0) {
            line(format!("{} of {} elements counted by an earlier run", extent.counted, extent.size));
        }
        for (number, trial) in self.trials.iter().enumerate() {
            let tasks = trial.stage.tasks();
            line(format!(
                "stage {number}: {} chunks, {tasks} tasks, {} elements",
                trial.chunks, trial.elements
            ));
            for group in trial.stage.groups() {
                let (places, tile) = (&group.extents, &group.tile);
                line(format!("  places {places:?}: {} tasks of {tile:?}", group.tasks()));
            }
            for (id, entry) in self.graph.iter().enumerate() {
                if entry.made == Made::ByStage && entry.after == number + 1 {
                    line(format!("  makes {}", self.formula(id, DEPTH)));
                }
            }
        }
        text
    }

    pub(super) fn formula(&self, id: Id, depth: u32) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "..".into() };
        let entry = &self.graph[id];
        let of = |id: &Id| self.formula(*id, depth);
        match &entry.node {
            Node::Scalar(scalar) => Value::Number(scalar.to_f64()).to_string(),
            Node::Full(scalar) => {
                format!("full({}, {})", entry.shape, Value::Number(scalar.to_f64()))
            }
            Node::Random(source) => {
                let (name, parameters) = written(source.distribution);
                format!("{name}({parameters}size={}, stream={:?})", entry.shape, source.stream)
            }
            Node::Arange { .. } => format!("arange of shape {}", entry.shape),
            Node::Stored(stored) => format!("load({:?})", stored.name),
            Node::Unary(operation, operand) => format!("{}({})", lower(operation), of(operand)),
            Node::Binary(operation, left, right) => {
                format!("{}({}, {})", lower(operation), of(left), of(right))
            }
            Node::Cast(operand) => format!("astype({}, {})", of(operand), entry.dtype),
            Node::View(View::Slice(_), operand) => format!("{} cut to {}", of(operand), entry.shape),
            Node::View(_, operand) => format!("{} as {}", of(operand), entry.shape),
            Node::Reduce(reduction, axes, operand) => {
                let (nan, ddof) = (if reduction.skip_nan { "nan" } else { "" }, ddof(reduction.kind));
                let whole = axes.len() == self.graph[*operand].shape.ndim();
                let axes = if whole { String::new() } else { format!(", axis={axes:?}") };
                format!("{nan}{}({}{axes}{ddof})", name(reduction.kind), of(operand))
            }
            Node::Quantile(q, operand) => format!("quantile({}, {q})", of(operand)),
            Node::QuantileAlong(q, axes, operand) => format!("quantile({}, {q}, axis={axes:?})", of(operand)),
            node => {
                let name = match node {
                    Node::Where(..) => "where",
                    Node::Concatenate(..) => "concatenate",
                    Node::Scan(..) => "cumulate",
                    _ => "histogram",
                };
                let parts: Vec<String> = operands(node).iter().take(4).map(of).collect();
                format!("{name}({})", parts.join(", "))
            }
        }
    }
}

/// The name and the parameters as they would be written.
fn written(distribution: Distribution) -> (&'static str, String) {
    let (name, parameters) = match distribution {
        Distribution::Random => ("random", vec![]),
        Distribution::Uniform { low, high } => ("uniform", vec![low, high]),
        Distribution::Normal { loc, scale } => ("normal", vec![loc, scale]),
    };
    (name, parameters.into_iter().map(|parameter| format!("{}, ", Value::Number(parameter))).collect())
}

fn lower(operation: &impl std::fmt::Debug) -> String {
    format!("{operation:?}").to_lowercase()
}

fn name(kind: ReductionKind) -> String {
    let words = lower(&kind);
    words.split_whitespace().next().unwrap_or_default().to_owned()
}

fn ddof(kind: ReductionKind) -> String {
    match kind {
        ReductionKind::Var { ddof } | ReductionKind::Std { ddof } if ddof > 0 => format!(", ddof={ddof}"),
        _ => String::new(),
    }
}
