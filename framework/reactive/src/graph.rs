//! Who enables whom: a graph of handlers, derived from what they declare.
//!
//! There is an edge from a handler to another if what the first may change, triggers included, can make the condition of
//! the second true. Cycles are allowed (a reset leads back to an earlier step); the ranks are a topological order of
//! the graph with each cycle taken as one node, and declaration order where the graph leaves a choice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::rc::Rc;

use petgraph::Direction;
use petgraph::algo::condensation;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::layer::{Handler, Kind};
use crate::state::{Change, Triggers};

/// A handler in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The layer that declares it.
    pub layer: String,
    /// The handler's name in its layer.
    pub handler: String,
    /// `start`, `hook <pattern>`, `action <name>`, or empty for an ordinary handler.
    pub kind: String,
    /// Its condition.
    pub condition: String,
}

impl Node {
    /// The handler's name in logs and errors.
    pub fn id(&self) -> String {
        format!("{}/{}", self.layer, self.handler)
    }
}

/// The graph of a charm.
#[derive(Clone, Debug)]
pub struct Graph {
    charm: String,
    graph: DiGraph<Node, Vec<Change>>,
    order: Vec<usize>,
    ranks: Vec<usize>,
}

impl Graph {
    pub(crate) fn new(charm: &str, handlers: &[Rc<Handler>], triggers: &Triggers) -> Graph {
        let mut graph = DiGraph::new();
        for handler in handlers {
            graph.add_node(node(handler));
        }
        for ((from, to), changes) in edges(handlers, triggers) {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), changes);
        }
        let order = order(&graph);
        let mut ranks = vec![0; order.len()];
        for (rank, handler) in order.iter().enumerate() {
            ranks[*handler] = rank;
        }
        Graph {
            charm: charm.to_owned(),
            graph,
            order,
            ranks,
        }
    }

    /// The graph; a node's index is the handler's place in the order of declaration, an edge has the changes that
    /// enable its target.
    pub fn petgraph(&self) -> &DiGraph<Node, Vec<Change>> {
        &self.graph
    }

    /// The handlers by rank.
    pub fn order(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().map(|i| &self.graph[NodeIndex::new(*i)])
    }

    /// The graph in Graphviz' language.
    pub fn dot(&self) -> Dot<'_> {
        Dot(self)
    }

    /// The rank of the handler declared at `index`.
    pub(crate) fn rank(&self, index: usize) -> usize {
        self.ranks[index]
    }

    /// The handler of a rank.
    pub(crate) fn handler_at(&self, rank: usize) -> usize {
        self.order[rank]
    }
}

fn node(handler: &Handler) -> Node {
    Node {
        layer: handler.layer.to_owned(),
        handler: handler.name.clone(),
        kind: match &handler.kind {
            Kind::Start => "start".to_owned(),
            Kind::Hook(pattern) => format!("hook {pattern}"),
            Kind::Action(name) => format!("action {name}"),
            Kind::Ordinary => String::new(),
        },
        condition: handler.condition().to_string(),
    }
}

/// The phases in the order they have in a dispatch; an earlier handler cannot depend on a later one.
fn phase(kind: &Kind) -> u8 {
    match kind {
        Kind::Start => 0,
        Kind::Hook(_) => 1,
        Kind::Action(_) => 2,
        Kind::Ordinary => 3,
    }
}

/// Whether what `from` does can lead to a run of `to`.
fn may_precede(from: &Kind, to: &Kind) -> bool {
    match to {
        Kind::Start => matches!(from, Kind::Start),
        Kind::Action(_) => matches!(from, Kind::Start),
        Kind::Hook(_) | Kind::Ordinary => phase(from) <= phase(to),
    }
}

fn edges(handlers: &[Rc<Handler>], triggers: &Triggers) -> BTreeMap<(usize, usize), Vec<Change>> {
    let mut enabled_by: BTreeMap<Change, Vec<usize>> = BTreeMap::new();
    for (i, handler) in handlers.iter().enumerate() {
        for (flag, polarity) in handler.condition().polarities() {
            for (set, counts) in [(true, polarity.positive), (false, polarity.negative)] {
                if counts {
                    let flag = flag.clone();
                    enabled_by.entry(Change { flag, set }).or_default().push(i);
                }
            }
        }
    }
    let mut edges: BTreeMap<(usize, usize), Vec<Change>> = BTreeMap::new();
    for (from, handler) in handlers.iter().enumerate() {
        for change in triggers.closure(direct_effects(handler)) {
            for to in enabled_by.get(&change).into_iter().flatten() {
                if *to != from && may_precede(&handler.kind, &handlers[*to].kind) {
                    edges.entry((from, *to)).or_default().push(change.clone());
                }
            }
        }
    }
    edges
}

fn direct_effects(handler: &Handler) -> BTreeSet<Change> {
    let change = |set: bool| {
        move |flag: &crate::Flag| Change {
            flag: flag.clone(),
            set,
        }
    };
    let sets = handler.when.may_set().iter().map(change(true));
    sets.chain(handler.when.may_clear().iter().map(change(false))).collect()
}

/// A topological order of the condensed graph; among components that could be next, the one declared first.
fn order(graph: &DiGraph<Node, Vec<Change>>) -> Vec<usize> {
    let indices = graph.map(|index, _| index.index(), |_, _| ());
    let mut components = condensation(indices, true);
    for members in components.node_weights_mut() {
        members.sort_unstable();
    }
    let incoming = |c| components.neighbors_directed(c, Direction::Incoming).count();
    let mut blocked: Vec<usize> = components.node_indices().map(incoming).collect();
    let entry = |c: NodeIndex| Reverse((components[c].first().copied(), c));
    let mut ready: BinaryHeap<_> = components
        .node_indices()
        .filter(|c| blocked[c.index()] == 0)
        .map(entry)
        .collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse((_, component))) = ready.pop() {
        order.extend(&components[component]);
        for next in components.neighbors(component) {
            blocked[next.index()] -= 1;
            if blocked[next.index()] == 0 {
                ready.push(entry(next));
            }
        }
    }
    order
}

/// Shows a graph in Graphviz' language.
pub struct Dot<'a>(&'a Graph);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Graph { charm, graph, .. } = self.0;
        writeln!(f, "digraph {} {{", quoted(charm))?;
        writeln!(f, "  rankdir=LR; node [shape=box];")?;
        for index in graph.node_indices() {
            let node = &graph[index];
            let kind = match node.kind.as_str() {
                "" => String::new(),
                kind => format!("\n[{kind}]"),
            };
            let label = format!("{}{kind}\n{}", node.id(), node.condition);
            writeln!(f, "  n{} [label={}];", index.index(), quoted(&label))?;
        }
        for edge in graph.edge_indices() {
            let Some((from, to)) = graph.edge_endpoints(edge) else {
                continue;
            };
            let label: Vec<String> = graph[edge].iter().map(Change::to_string).collect();
            let (from, to) = (from.index(), to.index());
            writeln!(f, "  n{from} -> n{to} [label={}];", quoted(&label.join("\n")))?;
        }
        writeln!(f, "}}")
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use crate::{Charm, Context, Flag, Layer, Outcome, Result, always, on_clear, when};

    const A: Flag = Flag::new("a");
    const B: Flag = Flag::new("b");
    const C: Flag = Flag::new("c");

    macro_rules! handlers {
        ($($name:ident),*) => {$(
            async fn $name(_: &mut Context) -> Result { Ok(Outcome::Done) }
        )*};
    }
    handlers!(one, two, three, four);

    #[track_caller]
    fn check(layer: Layer, expected: &[&str]) {
        let charm = Charm::builder("c").layer(layer).build().unwrap();
        let prefix = "graph::tests::";
        let names = charm.graph().order().map(|n| n.handler.strip_prefix(prefix).unwrap());
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn producers_come_before_consumers() {
        let layer = Layer::new("l")
            .on(three, when(B))
            .on(two, when(A).sets(B))
            .on(one, when(always()).sets(A));
        check(layer, &["one", "two", "three"]);
    }

    #[test]
    fn declaration_order_breaks_ties() {
        let layer = Layer::new("l")
            .on(two, when(A))
            .on(four, when(always()))
            .on(three, when(A))
            .on(one, when(always()).sets(A));
        check(layer, &["four", "one", "two", "three"]);
    }

    #[test]
    fn clearing_enables_negative_conditions() {
        let layer = Layer::new("l").on(two, when(!A)).on(one, when(A).clears(A));
        check(layer, &["one", "two"]);
    }

    #[test]
    fn disabling_is_no_edge() {
        let layer = Layer::new("l").on(two, when(A)).on(one, when(A).clears(A));
        check(layer, &["two", "one"]);
    }

    #[test]
    fn cycles_keep_declaration_order_and_their_place() {
        const READY: Flag = Flag::new("ready");
        let layer = Layer::new("l")
            .on(four, when(C))
            .on(three, when(B).sets(C).clears(A))
            .on(two, when(READY & !A).sets(B))
            .on(one, when(always()).sets(READY));
        check(layer, &["one", "three", "two", "four"]);
    }

    #[test]
    fn triggers_count_as_effects_of_their_cause() {
        let layer = Layer::new("l")
            .on(two, when(B))
            .on(one, when(always()).clears(A))
            .trigger(on_clear(A).sets(B));
        check(layer, &["one", "two"]);
    }

    #[test]
    fn dot() {
        let layer = Layer::new("l")
            .on_hook("install", one, when(always()).sets(A))
            .on(two, when(A & !B));
        let charm = Charm::builder("c").layer(layer).build().unwrap();
        let expected = r#"digraph "c" {
  rankdir=LR; node [shape=box];
  n0 [label="l/graph::tests::one\n[hook install]\nalways"];
  n1 [label="l/graph::tests::two\na & !b"];
  n0 -> n1 [label="+a"];
}
"#;
        assert_eq!(charm.graph().dot().to_string(), expected);
    }
}
