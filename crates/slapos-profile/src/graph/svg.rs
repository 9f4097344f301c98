//! The graph as a picture that any browser shows.

use super::layout::{Layout, Place, layout};
use super::{Edge, EdgeKind, Graph};

/// Pixels, of the picture as it is made; it scales.
const ROW: usize = 34;
const BOX: usize = 24;
const GAP: usize = 60;
const MARGIN: usize = 20;
/// About the width of a letter of 12 pixels.
const LETTER: usize = 7;

pub(super) fn write(graph: &Graph) -> String {
    let places = layout(graph);
    let grid = Grid::of(graph, &places);
    let (width, height) = grid.size();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <g fill=\"none\" stroke=\"#667\" stroke-opacity=\"0.6\">\n"
    );
    for (edge, route) in graph.edges.iter().zip(&places.routes) {
        out.push_str(&grid.arrow(graph, edge, route));
    }
    out.push_str("</g>\n");
    for (node, place) in graph.nodes.iter().zip(&places.nodes) {
        let (x, y) = (grid.left(*place), grid.middle(*place) - BOX / 2);
        let wide = width_of(&node.name);
        let fill = if node.recipe.is_some() {
            "#dbe9f6"
        } else {
            "#f6f6f6"
        };
        let title = node.recipe.as_deref().unwrap_or("no recipe");
        out.push_str(&format!(
            "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{BOX}\" rx=\"4\" fill=\"{fill}\" \
             stroke=\"#446\"/><text x=\"{}\" y=\"{}\">{}</text></g>\n",
            escaped(title),
            x + LETTER,
            y + 16,
            escaped(&node.name)
        ));
    }
    out.push_str("</svg>\n");
    out
}

/// Where rows and columns are, in pixels.
struct Grid {
    /// Left edge of each column, and the right edge of the last.
    columns: Vec<usize>,
    heights: Vec<usize>,
    tallest: usize,
}

impl Grid {
    fn of(graph: &Graph, places: &Layout) -> Grid {
        let mut widths = vec![0; places.heights.len()];
        for (node, place) in graph.nodes.iter().zip(&places.nodes) {
            widths[place.column] = widths[place.column].max(width_of(&node.name));
        }
        let mut columns = vec![MARGIN];
        for width in widths {
            let left = columns.last().copied().unwrap_or(MARGIN);
            columns.push(left + width + GAP);
        }
        Grid {
            columns,
            tallest: places.heights.iter().max().copied().unwrap_or(0),
            heights: places.heights.clone(),
        }
    }

    fn size(&self) -> (usize, usize) {
        let right = self.columns.last().copied().unwrap_or(MARGIN);
        let width = if self.columns.len() > 1 {
            right - GAP
        } else {
            right
        };
        (width + MARGIN, 2 * MARGIN + self.tallest * ROW)
    }

    fn left(&self, place: Place) -> usize {
        self.columns[place.column]
    }

    /// Columns are centred against the tallest one.
    fn middle(&self, place: Place) -> usize {
        let above = (self.tallest - self.heights[place.column]) * ROW / 2;
        MARGIN + above + place.row * ROW + ROW / 2
    }

    /// A smooth line through the places of a route.
    fn arrow(&self, graph: &Graph, edge: &Edge, route: &[Place]) -> String {
        let (Some(first), Some(last)) = (route.first(), route.last()) else {
            return String::new();
        };
        let is_forward = first.column <= last.column;
        let right =
            |place: &Place, node: usize| self.left(*place) + width_of(&graph.nodes[node].name);
        let (start, end) = match is_forward {
            true => (right(first, edge.from), self.left(*last)),
            false => (self.left(*first), right(last, edge.to)),
        };
        let (mut x, mut y) = (start, self.middle(*first));
        let mut path = format!("M{x} {y}");
        for (number, place) in route.iter().enumerate().skip(1) {
            let next = if number + 1 == route.len() {
                end
            } else {
                self.left(*place)
            };
            let (to_y, half) = (self.middle(*place), (x + next) / 2);
            path.push_str(&format!("C{half} {y} {half} {to_y} {next} {to_y}"));
            (x, y) = (next, to_y);
        }
        let dash = match edge.kind {
            EdgeKind::Reads => "",
            EdgeKind::Inherits => " stroke-dasharray=\"4 3\"",
        };
        format!("<path d=\"{path}\"{dash} marker-end=\"url(#end)\"/>\n")
    }
}

fn width_of(name: &str) -> usize {
    (name.chars().count() + 2) * LETTER
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
