//! The task graph as a drawing: what is done for each chunk, what is combined, and what comes out.
//!
//! As dask's `visualize` shows it: data at the bottom, results on top. Small graphs show every chunk; in larger
//! ones the equal parts of a layer are one node with a count, so a drawing costs the same for any number of
//! chunks. It is made from expressions alone: how squall cuts chunks into tasks is `plan`'s matter.

mod graph;
mod area;
mod file;
mod label;
mod layer;
mod node;
mod layout;
mod svg;
mod dot;
mod text;
#[cfg(feature = "png")]
mod png;
#[cfg(test)]
mod tests;

use crate::array::Expr;
use crate::draw::layer::Layer;
use crate::draw::node::Node;

/// A task graph that is ready to be drawn.
#[derive(Debug)]
pub struct Drawing {
    /// What is below comes first.
    layers: Vec<Layer>,
    nodes: Vec<Node>,
    /// From what is used to what uses it, by number.
    edges: Vec<(usize, usize)>,
}

/// The drawing of what computes these results.
pub fn draw(results: &[(String, Expr)]) -> Drawing {
    let plan = layer::Layers::of(results);
    let (nodes, edges) = node::nodes(&plan);
    Drawing { layers: plan.layers, nodes, edges }
}

impl Drawing {
    /// The layer of a node.
    fn layer(&self, node: &Node) -> &Layer {
        &self.layers[node.layer]
    }

    /// The names of the results.
    fn results(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter(|layer| layer.is_result()).map(|layer| layer.label.as_str())
    }

    /// Whether there is more than one pass over the arrays.
    fn has_stages(&self) -> bool {
        self.layers.iter().any(|layer| layer.stage > 1)
    }

    /// What a node says, line by line.
    fn lines(&self, node: &Node) -> Vec<String> {
        let count = (node.count > 1).then(|| format!("x {}", node.count));
        [self.layer(node).label.clone()].into_iter().chain(count).chain(node.facts.clone()).collect()
    }
}
