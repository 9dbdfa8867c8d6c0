//! The drawing in graphviz's language.

use std::fmt::Write as _;

use crate::draw::Drawing;

impl Drawing {
    /// A digraph, with stages as clusters where there are several.
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph squall {\n  rankdir=BT;\n  node [shape=box, style=rounded];\n");
        let stages = self.layers.iter().map(|layer| layer.stage).max().unwrap_or(1);
        for stage in 1..=stages {
            let indent = if stages > 1 { "    " } else { "  " };
            if stages > 1 {
                let _ = writeln!(text, "  subgraph cluster_{stage} {{\n    label=\"stage {stage}\";");
            }
            for (number, node) in self.nodes.iter().enumerate() {
                let layer = self.layer(node);
                if layer.stage == stage && !layer.is_result() {
                    let _ = writeln!(text, "{indent}{}", self.node(number));
                }
            }
            text.push_str(if stages > 1 { "  }\n" } else { "" });
        }
        for (number, node) in self.nodes.iter().enumerate() {
            if self.layer(node).is_result() {
                let _ = writeln!(text, "  {}", self.node(number));
            }
        }
        for (from, to) in &self.edges {
            let _ = writeln!(text, "  n{from} -> n{to};");
        }
        text + "}\n"
    }

    fn node(&self, number: usize) -> String {
        let node = &self.nodes[number];
        let lines: Vec<String> = self.lines(node).iter().map(|line| escaped(line)).collect();
        let style = match (self.layer(node).is_result(), node.count > 1) {
            (true, _) => ", style=\"rounded,bold\"",
            (false, true) => ", peripheries=2",
            (false, false) => "",
        };
        format!("n{number} [label=\"{}\"{style}];", lines.join("\\n"))
    }
}

/// As it stands within double quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}
