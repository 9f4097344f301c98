//! The graph in the DOT language.

use super::{EdgeKind, Graph};

pub(super) fn write(graph: &Graph) -> String {
    let mut out = String::from(
        "digraph profile {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n",
    );
    for node in &graph.nodes {
        let name = quoted(&node.name);
        out.push_str(&match &node.recipe {
            Some(recipe) => format!(
                "  {name} [tooltip={}, style=filled, fillcolor=\"#dbe9f6\"];\n",
                quoted(recipe)
            ),
            None => format!("  {name};\n"),
        });
    }
    for edge in &graph.edges {
        let (from, to) = (&graph.nodes[edge.from].name, &graph.nodes[edge.to].name);
        let style = match edge.kind {
            EdgeKind::Reads => "",
            EdgeKind::Inherits => " [style=dashed]",
        };
        out.push_str(&format!("  {} -> {}{style};\n", quoted(from), quoted(to)));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    let inside = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{inside}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_end_where_they_should() {
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
    }
}
