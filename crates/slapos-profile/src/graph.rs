//! What needs what: sections, and arrows to those that they read or inherit from.
//!
//! Start with [`graph`]; dot.rs and svg.rs write it, layout.rs places it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};
use slapos_buildout::{Profile, Report, Session};

use crate::resolve::{NoRecipes, no_section};
use slapos_python::text::trim;

mod dot;
mod layout;
mod svg;

/// Sections and arrows.
#[derive(Debug, Default)]
pub struct Graph {
    /// Sorted by name.
    pub nodes: Vec<Node>,
    /// Sorted.
    pub edges: Vec<Edge>,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// None if it is plain data.
    pub recipe: Option<String>,
}

/// From a section to one that it needs, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub kind: EdgeKind,
}

/// How a section needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// By a reference, or `<part-dependencies>`.
    Reads,
    /// By `<`.
    Inherits,
}

/// Which sections are shown.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// The listed parts and what they need.
    Parts,
    /// This section and what it needs.
    Section(&'a str),
    /// All that can be expanded; the others are left out.
    All,
}

/// The graph of a profile. `[buildout]` is left out: everything may read it.
pub fn graph(profile: &Profile, scope: Scope<'_>) -> Result<Graph, Report> {
    let recipes = NoRecipes::default();
    let session = Session::new(profile, &recipes)?;
    let starts: Vec<String> = match scope {
        Scope::Parts => session.parts()?,
        Scope::Section(name) if !profile.has_section(name) => return Err(no_section(name)),
        Scope::Section(name) => {
            session.section(name)?;
            vec![name.to_owned()]
        }
        Scope::All => profile.sections().map(str::to_owned).collect(),
    };
    let failed: BTreeSet<&str> = match scope {
        Scope::All => {
            let all = session.all_sections().into_iter();
            all.filter(|(_, found)| found.is_err())
                .map(|(name, _)| name)
                .collect()
        }
        // All that these need can be expanded.
        Scope::Parts | Scope::Section(_) => BTreeSet::new(),
    };
    let mut needs: BTreeMap<String, BTreeSet<(String, EdgeKind)>> = BTreeMap::new();
    let mut ahead = starts;
    while let Some(name) = ahead.pop() {
        let is_out = name == "buildout" || failed.contains(name.as_str());
        if is_out || needs.contains_key(&name) {
            continue;
        }
        let found = needed(profile, &session, &name);
        ahead.extend(found.iter().map(|(other, _)| other.clone()));
        needs.insert(name, found);
    }
    Ok(numbered(&session, &needs))
}

fn needed(profile: &Profile, session: &Session<'_>, name: &str) -> BTreeSet<(String, EdgeKind)> {
    let read = session.dependencies(name).unwrap_or_default();
    let mut found: BTreeSet<(String, EdgeKind)> = read
        .into_iter()
        .map(|other| (other, EdgeKind::Reads))
        .collect();
    let parents = profile.raw(name, "<").unwrap_or_default();
    let parents = parents.split('\n').map(trim);
    let known = parents.filter(|parent| profile.has_section(parent));
    found.extend(known.map(|parent| (parent.to_owned(), EdgeKind::Inherits)));
    found
}

fn numbered(
    session: &Session<'_>,
    needs: &BTreeMap<String, BTreeSet<(String, EdgeKind)>>,
) -> Graph {
    let numbers: HashMap<&str, usize> = needs.keys().map(String::as_str).zip(0..).collect();
    let mut graph = Graph::default();
    for (name, found) in needs {
        let recipe = session.find(name, "recipe").ok().flatten();
        let recipe = recipe.map(slapos_buildout::Value::into_text);
        graph.nodes.push(Node {
            name: name.clone(),
            recipe: recipe.filter(|recipe| !recipe.is_empty()),
        });
        let from = numbers[name.as_str()];
        let edges = found.iter().filter_map(|(other, kind)| {
            let (to, kind) = (*numbers.get(other.as_str())?, *kind);
            Some(Edge { from, to, kind })
        });
        graph.edges.extend(edges);
    }
    graph.edges.sort_unstable();
    graph
}

impl EdgeKind {
    /// `reads` or `inherits`.
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Reads => "reads",
            EdgeKind::Inherits => "inherits",
        }
    }
}

impl Graph {
    /// `{"nodes": [{"name", "recipe"}], "edges": [{"from", "to", "kind"}]}`, edges by name.
    pub fn to_json(&self) -> Json {
        let nodes: Json = self
            .nodes
            .iter()
            .map(|node| json!({ "name": node.name, "recipe": node.recipe }))
            .collect();
        let name = |index: usize| &self.nodes[index].name;
        let edges: Json = self
            .edges
            .iter()
            .map(|edge| {
                json!({ "from": name(edge.from), "to": name(edge.to), "kind": edge.kind.name() })
            })
            .collect();
        json!({ "nodes": nodes, "edges": edges })
    }

    /// For Graphviz and its like.
    pub fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// A picture, from what is wanted on the left to what it needs on the right.
    pub fn to_svg(&self) -> String {
        svg::write(self)
    }
}
