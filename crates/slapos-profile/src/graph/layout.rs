//! Places for the nodes of a graph: in columns by how far they are from what nobody needs, ordered so that few arrows cross.
//!
//! The usual layered drawing: turn arrows that close a circle, put each node right of all that need it, give long arrows
//! a place in each column they pass, then order each column by the middle of the neighbours, left to right and back.
//! Every step is linear in nodes, arrows and the places of long ones.

use super::Graph;
use crate::limits::{LAYOUT_PLACES_MAX, LAYOUT_SWEEPS};

/// Where everything is.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Column and place in it for each node.
    pub(super) nodes: Vec<Place>,
    /// For each arrow the places it passes, in its direction, both ends included.
    pub(super) routes: Vec<Vec<Place>>,
    /// Places used in each column.
    pub(super) heights: Vec<usize>,
}

/// A place in the grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) row: usize,
}

/// Arrows between items of neighbouring columns; items are nodes, then the places of long arrows.
struct Chains {
    column: Vec<usize>,
    /// The items of each arrow, left to right.
    chains: Vec<Vec<usize>>,
}

pub(super) fn layout(graph: &Graph) -> Layout {
    let forward = without_circles(graph);
    let columns = columns(graph.nodes.len(), &forward);
    let chains = chains(&columns, &forward);
    let rows = order(&chains);
    let place = |item: usize| Place {
        column: chains.column[item],
        row: rows[item],
    };
    let mut heights = vec![0; columns.iter().max().map_or(0, |last| last + 1)];
    chains
        .column
        .iter()
        .for_each(|column| heights[*column] += 1);
    let routes = chains.chains.iter().zip(&graph.edges).map(|(chain, edge)| {
        let mut route: Vec<Place> = chain.iter().map(|item| place(*item)).collect();
        if chain.first() != Some(&edge.from) {
            route.reverse();
        }
        route
    });
    Layout {
        nodes: (0..graph.nodes.len()).map(place).collect(),
        routes: routes.collect(),
        heights,
    }
}

/// Every arrow, those that close a circle turned round.
fn without_circles(graph: &Graph) -> Vec<(usize, usize)> {
    let mut targets: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        targets[edge.from].push(edge.to);
    }
    let finished = finishing_order(&targets);
    // Everything that a node leads to is finished before it, unless there is a circle.
    graph
        .edges
        .iter()
        .map(|edge| match finished[edge.from] >= finished[edge.to] {
            true => (edge.from, edge.to),
            false => (edge.to, edge.from),
        })
        .collect()
}

/// For each node, when a search that goes as deep as it can has seen all that it leads to.
fn finishing_order(targets: &[Vec<usize>]) -> Vec<usize> {
    let mut finished = vec![usize::MAX; targets.len()];
    let mut seen = vec![false; targets.len()];
    let mut next = 0;
    for start in 0..targets.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut open = vec![(start, 0)];
        while let Some((node, child)) = open.last_mut() {
            match targets[*node].get(*child) {
                Some(target) => {
                    *child += 1;
                    if !std::mem::replace(&mut seen[*target], true) {
                        open.push((*target, 0));
                    }
                }
                None => {
                    finished[*node] = next;
                    next += 1;
                    open.pop();
                }
            }
        }
    }
    finished
}

/// The longest way from a node that nothing leads to.
fn columns(nodes: usize, forward: &[(usize, usize)]) -> Vec<usize> {
    let mut targets = vec![Vec::new(); nodes];
    let mut waiting = vec![0; nodes];
    for (from, to) in forward.iter().filter(|(from, to)| from != to) {
        targets[*from].push(*to);
        waiting[*to] += 1;
    }
    let mut columns = vec![0; nodes];
    let mut ready: Vec<usize> = (0..nodes).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for target in &targets[node] {
            columns[*target] = columns[*target].max(columns[node] + 1);
            waiting[*target] -= 1;
            if waiting[*target] == 0 {
                ready.push(*target);
            }
        }
    }
    columns
}

fn chains(columns: &[usize], forward: &[(usize, usize)]) -> Chains {
    let mut all = Chains {
        column: columns.to_vec(),
        chains: Vec::new(),
    };
    for (from, to) in forward {
        let mut chain = vec![*from];
        for column in columns[*from] + 1..columns[*to] {
            // Beyond the bound long arrows go straight, over whatever is there.
            if all.column.len() < LAYOUT_PLACES_MAX {
                chain.push(all.column.len());
                all.column.push(column);
            }
        }
        chain.push(*to);
        all.chains.push(chain);
    }
    all
}

/// The row of each item in its column.
fn order(chains: &Chains) -> Vec<usize> {
    let items = chains.column.len();
    let mut left = vec![Vec::new(); items];
    let mut right = vec![Vec::new(); items];
    for pair in chains.chains.iter().flat_map(|chain| chain.windows(2)) {
        right[pair[0]].push(pair[1]);
        left[pair[1]].push(pair[0]);
    }
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (item, column) in chains.column.iter().enumerate() {
        if columns.len() <= *column {
            columns.resize(column + 1, Vec::new());
        }
        columns[*column].push(item);
    }
    let mut rows = vec![0; items];
    columns.iter().for_each(|column| number(column, &mut rows));
    for sweep in 0..LAYOUT_SWEEPS {
        if sweep % 2 == 0 {
            columns
                .iter_mut()
                .for_each(|column| sort(column, &left, &mut rows));
        } else {
            columns
                .iter_mut()
                .rev()
                .for_each(|column| sort(column, &right, &mut rows));
        }
    }
    rows
}

/// By the middle of the neighbours on one side; what has none stays where it is.
fn sort(column: &mut [usize], neighbours: &[Vec<usize>], rows: &mut [usize]) {
    let middle = |item: usize| {
        let near = &neighbours[item];
        match near.len() {
            0 => rows[item] as f64,
            count => near.iter().map(|other| rows[*other]).sum::<usize>() as f64 / count as f64,
        }
    };
    let mut keyed: Vec<(f64, usize)> = column.iter().map(|item| (middle(*item), *item)).collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (slot, (_, item)) in column.iter_mut().zip(keyed) {
        *slot = item;
    }
    number(column, rows);
}

fn number(column: &[usize], rows: &mut [usize]) {
    for (row, item) in column.iter().enumerate() {
        rows[*item] = row;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Edge, EdgeKind, Node};
    use super::*;

    fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
        let node = |n: usize| Node {
            name: n.to_string(),
            recipe: None,
        };
        let edge = |(from, to): &(usize, usize)| Edge {
            from: *from,
            to: *to,
            kind: EdgeKind::Reads,
        };
        Graph {
            nodes: (0..nodes).map(node).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    #[test]
    fn layout_puts_what_is_needed_to_the_right() {
        let placed = layout(&graph(4, &[(0, 1), (1, 2), (0, 2), (3, 2)]));
        let columns: Vec<usize> = placed.nodes.iter().map(|place| place.column).collect();
        assert_eq!(columns, [0, 1, 2, 0]);
        assert_eq!(placed.routes[2].len(), 3);
        assert_eq!(placed.routes[2][0], placed.nodes[0]);
        assert_eq!(placed.heights, [2, 3, 1]);
    }

    #[test]
    fn layout_of_a_circle_keeps_the_direction_of_each_arrow() {
        let placed = layout(&graph(3, &[(0, 1), (1, 2), (2, 0), (1, 1)]));
        assert_eq!(placed.routes[2].first(), Some(&placed.nodes[2]));
        assert_eq!(placed.routes[2].last(), Some(&placed.nodes[0]));
    }

    #[test]
    fn layout_gives_each_place_once() {
        let edges: Vec<(usize, usize)> = (0..200).map(|n| (n * 7 % 50, 50 + n * 13 % 50)).collect();
        let placed = layout(&graph(100, &edges));
        let mut places: Vec<(usize, usize)> = placed
            .nodes
            .iter()
            .map(|place| (place.column, place.row))
            .collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 100);
    }

    #[test]
    fn layout_without_nodes_is_empty() {
        assert!(layout(&Graph::default()).heights.is_empty());
    }
}
