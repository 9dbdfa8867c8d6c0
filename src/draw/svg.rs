//! The drawing as SVG: rows of boxes, what is used below what uses it. Nothing but this program is needed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::draw::Drawing;
use crate::draw::label::shortened;
use crate::draw::layer::Role;
use crate::draw::layout::{Layout, Lengths};
use crate::draw::node::Node;

/// Characters of a line in a box.
const LONGEST: usize = 32;
/// Pixels of a character of the font at its size, which is 12.
const CHARACTER: f64 = 7.3;
const LINE: f64 = 16.0;
const PADDING: f64 = 10.0;
/// Between boxes side by side, and between rows.
const GAP: f64 = 18.0;
const RISE: f64 = 56.0;
const MARGIN: f64 = 24.0;
/// On the left, for the names of stages.
const NAMES: f64 = 60.0;

/// Fonts of one width, of which some system has none; drawings as PNG bring the first.
const FONTS: &str = "DejaVu Sans Mono, Menlo, Consolas, monospace";

impl Drawing {
    /// A picture with a title and a description for those who do not see it.
    pub fn to_svg(&self) -> String {
        let page = Page::of(self);
        let mut svg = String::new();
        let (width, height) = (page.width, page.height);
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title description\" \
             font-family=\"{FONTS}\" font-size=\"12\">\n\
             <title id=\"title\">Task graph of {}</title>\n<desc id=\"description\">{}</desc>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escaped(&self.results().collect::<Vec<_>>().join(", ")),
            escaped(&self.to_text()),
        );
        page.bands(&mut svg);
        for &(from, to) in &self.edges {
            page.arrow(from, to, &mut svg);
        }
        for number in 0..self.nodes.len() {
            page.node(number, &mut svg);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where everything is.
struct Page<'a> {
    drawing: &'a Drawing,
    /// The middle of each box's upper edge.
    tops: Vec<(f64, f64)>,
    /// The upper ends of ways through rows, by the node from which edges come, and the row.
    ways: BTreeMap<(usize, usize), (f64, f64)>,
    box_width: f64,
    box_height: f64,
    width: f64,
    height: f64,
}

impl<'a> Page<'a> {
    fn of(drawing: &'a Drawing) -> Self {
        let lines: Vec<Vec<String>> = drawing.nodes.iter().map(|node| drawing.lines(node)).collect();
        let longest = lines.iter().flatten().map(|line| columns(line).min(LONGEST)).max().unwrap_or(0);
        let most = lines.iter().map(Vec::len).max().unwrap_or(0);
        let box_width = (longest as f64 * CHARACTER + 2.0 * PADDING).ceil();
        let box_height = most as f64 * LINE + 2.0 * PADDING;
        let layout = Layout::of(drawing, &Lengths { width: box_width as i64, gap: GAP as i64 });
        let left = MARGIN + if drawing.has_stages() { NAMES } else { 0.0 };
        let width = left + layout.width as f64 + MARGIN;
        let height = layout.rows as f64 * (box_height + RISE) - RISE + 2.0 * MARGIN;
        let top = |level: usize| height - MARGIN - box_height - level as f64 * (box_height + RISE);
        let nodes = drawing.nodes.iter().zip(&layout.boxes);
        let tops =
            nodes.map(|(node, middle)| (left + *middle as f64, top(drawing.layer(node).level))).collect();
        let ways = layout.ways.into_iter();
        let ways =
            ways.map(|((node, level), middle)| ((node, level), (left + middle as f64, top(level)))).collect();
        Page { drawing, tops, ways, box_width, box_height, width, height }
    }

    /// A line below each stage but the first, with the stage's name.
    fn bands(&self, svg: &mut String) {
        if !self.drawing.has_stages() {
            return;
        }
        let stages = self.drawing.layers.iter().map(|layer| layer.stage).max().unwrap_or(1);
        for stage in 1..=stages {
            let inside = |node: &Node| {
                let layer = self.drawing.layer(node);
                layer.stage == stage && !layer.is_result()
            };
            let nodes = self.drawing.nodes.iter().zip(&self.tops).filter(|(node, _)| inside(node));
            let Some(lowest) = nodes.map(|(_, top)| top.1).reduce(f64::max) else { continue };
            let line = lowest + self.box_height + MARGIN / 2.0;
            let right = self.width - MARGIN / 2.0;
            let left = MARGIN / 2.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{left:.1} {line:.1}H{right:.1}\" stroke=\"#9aa5b1\" stroke-dasharray=\"4 4\"/>\n\
                 <text x=\"{left:.1}\" y=\"{:.1}\" fill=\"#52606d\">stage {stage}</text>",
                line - 4.0,
            );
        }
    }

    /// From the top of what is used to the foot of what uses it.
    fn arrow(&self, from: usize, to: usize, svg: &mut String) {
        let level = |node: usize| self.drawing.layer(&self.drawing.nodes[node]).level;
        let (mut x, mut y) = self.tops[from];
        let _ = write!(svg, "<path d=\"M{x:.1} {y:.1}");
        for row in level(from) + 1..level(to) {
            let Some(&(over, top)) = self.ways.get(&(from, row)) else { continue };
            let _ = write!(svg, "{}V{top:.1}", bow(x, y, over, top + self.box_height));
            (x, y) = (over, top);
        }
        let (over, top) = self.tops[to];
        let foot = top + self.box_height;
        let _ = writeln!(
            svg,
            "{}\" fill=\"none\" stroke=\"#7b8794\"/><path d=\"M{over:.1} {foot:.1}l-4 8h8z\" fill=\"#7b8794\"/>",
            bow(x, y, over, foot + 7.0),
        );
    }

    fn node(&self, number: usize, svg: &mut String) {
        let node = &self.drawing.nodes[number];
        let (middle, top) = self.tops[number];
        let (fill, stroke) = match self.drawing.layer(node).role {
            Role::Chunk => ("#e3f2fd", "#1565c0"),
            Role::Partial(_) => ("#fff8e1", "#a86500"),
            Role::Combine => ("#e8f5e9", "#2e7d32"),
            Role::Result => ("#f3e5f5", "#6a1b9a"),
        };
        let (left, width, height) = (middle - self.box_width / 2.0, self.box_width, self.box_height);
        let _ = write!(svg, "<g><title>{}</title>", escaped(&self.drawing.lines(node).join(", ")));
        // Equal parts lie one behind the other.
        let behind: &[f64] = if node.count > 1 { &[6.0, 3.0, 0.0] } else { &[0.0] };
        for shift in behind {
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\" \
                 fill=\"{fill}\" stroke=\"{stroke}\"/>",
                left + shift,
                top - shift,
            );
        }
        let lines = self.drawing.lines(node);
        let first = top + (height - lines.len() as f64 * LINE) / 2.0 + 12.0;
        for (place, line) in lines.iter().enumerate() {
            let weight = if place == 0 { " font-weight=\"bold\"" } else { "" };
            let _ = write!(
                svg,
                "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#1f2933\"{weight}>{}</text>",
                first + place as f64 * LINE,
                escaped(&shortened(line, LONGEST)),
            );
        }
        svg.push_str("</g>\n");
    }
}

/// A curve that begins and ends upright.
fn bow(x: f64, y: f64, over: f64, to: f64) -> String {
    let middle = (y + to) / 2.0;
    format!("C{x:.1} {middle:.1} {over:.1} {middle:.1} {over:.1} {to:.1}")
}

/// The width of a text; characters beyond ASCII may be twice as wide.
fn columns(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// As XML can hold it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}
