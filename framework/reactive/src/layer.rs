//! A layer: handlers, actions and triggers as one value that composes with others.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::flag::{Flag, IntoFlags};
use crate::pattern::HookPattern;
use crate::{Condition, Context, Outcome, Result, When, when};

/// Handlers, actions and triggers that belong together.
///
/// ```
/// use reactive::{Context, Flag, Layer, Outcome, Result, when};
/// const INSTALLED: Flag = Flag::new("hello.installed");
///
/// async fn install(ctx: &mut Context) -> Result {
///     ctx.set(&INSTALLED)?;
///     Ok(Outcome::Active("hello".into()))
/// }
///
/// fn layer() -> Layer {
///     Layer::new("hello").on(install, when(!INSTALLED).sets(INSTALLED))
/// }
/// ```
#[must_use]
pub struct Layer {
    pub(crate) name: &'static str,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) triggers: Vec<Trigger>,
}

impl Layer {
    /// A layer without handlers. Its name stands in logs and errors.
    pub fn new(name: &'static str) -> Layer {
        Layer {
            name,
            handlers: Vec::new(),
            triggers: Vec::new(),
        }
    }

    /// A handler: runs when its condition holds, in every hook; again in the same hook if a flag of its condition changed.
    /// It must be safe to run again at any time.
    pub fn on<F>(self, handler: F, when: When) -> Layer
    where
        F: AsyncFn(&mut Context) -> Result<Outcome> + 'static,
    {
        self.add::<F>(Kind::Ordinary, when, Box::new(Answers(handler)))
    }

    /// A handler of the hooks that match `pattern`; these run before all ordinary handlers.
    pub fn on_hook<F>(self, pattern: impl Into<HookPattern>, handler: F, when: When) -> Layer
    where
        F: AsyncFn(&mut Context) -> Result<Outcome> + 'static,
    {
        self.add::<F>(Kind::Hook(pattern.into()), when, Box::new(Answers(handler)))
    }

    /// An action that changes no flag. If it returns an error, the action fails with the chain of causes as its message
    /// and nothing it did to flags, values or relation data is kept.
    pub fn action<F>(self, name: &'static str, handler: F) -> Layer
    where
        F: AsyncFn(&mut Context) -> Result<Outcome> + 'static,
    {
        self.action_with(name, handler, when(crate::always()))
    }

    /// An action that changes flags; the handlers that watch them run after it. If the condition does not hold, the
    /// action fails and names it.
    pub fn action_with<F>(self, name: &'static str, handler: F, when: When) -> Layer
    where
        F: AsyncFn(&mut Context) -> Result<Outcome> + 'static,
    {
        self.add::<F>(Kind::Action(name), when, Box::new(Answers(handler)))
    }

    /// Runs at the start of every dispatch, before any handler.
    ///
    /// Flags that only such handlers touch are recomputed each time and not persisted: they start cleared, and
    /// triggers on them fire when they differ from the last successful hook. If other handlers set or clear the flag
    /// too, it is an ordinary one.
    pub fn at_start<F>(self, handler: F, when: When) -> Layer
    where
        F: AsyncFn(&mut Context) -> Result<()> + 'static,
    {
        self.add::<F>(Kind::Start, when, Box::new(Silent(handler)))
    }

    /// A trigger, see [`on_set`] and [`on_clear`].
    pub fn trigger(mut self, trigger: Trigger) -> Layer {
        self.triggers.push(trigger);
        self
    }

    /// Takes the handlers and triggers of another layer in at this place. They keep the other layer's name.
    pub fn include(mut self, other: Layer) -> Layer {
        self.handlers.extend(other.handlers);
        self.triggers.extend(other.triggers);
        self
    }

    /// The layer's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn add<F>(mut self, kind: Kind, when: When, body: Box<dyn Body>) -> Layer {
        let path = std::any::type_name::<F>();
        self.handlers.push(Handler {
            layer: self.name,
            name: short_name(path),
            is_closure: path.ends_with("{{closure}}"),
            kind,
            when,
            body,
        });
        self
    }
}

/// Functions have names of their own; closures from one place in the source are told apart by a number.
pub(crate) fn number_closures(handlers: &mut [Handler]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for handler in handlers.iter_mut().filter(|handler| handler.is_closure) {
        let count = seen.entry(handler.id()).or_default();
        *count += 1;
        if *count > 1 {
            handler.name = format!("{}#{count}", handler.name);
        }
    }
}

/// The path of a function without its crate and without generic arguments: `tls::install`. A closure in a method
/// `layer…` of a type, as interfaces have it, is named after the type: `requires::Requires`.
fn short_name(type_name: &str) -> String {
    let plain = without_generics(&type_name.replace("{{closure}}", "closure"));
    let path = plain.split_once("::").map_or(plain.as_str(), |(_, path)| path);
    let method = path
        .strip_suffix("::closure")
        .and_then(|method| method.rsplit_once("::"));
    match method {
        Some((owner, name)) if name.starts_with("layer") => owner.to_owned(),
        _ => path.to_owned(),
    }
}

fn without_generics(path: &str) -> String {
    // A path that starts with a bracket is that of a trait's function: `<Type as Trait>::function`.
    if path.starts_with('<') {
        return path.to_owned();
    }
    let mut depth = 0_usize;
    let keep = |c: &char| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    path.replace("->", "").chars().filter(keep).collect()
}

/// When a handler is considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Hook(HookPattern),
    Action(&'static str),
    Ordinary,
}

/// A function with its declaration.
pub(crate) struct Handler {
    pub(crate) layer: &'static str,
    pub(crate) name: String,
    /// Whether the name may be that of other handlers too.
    is_closure: bool,
    pub(crate) kind: Kind,
    pub(crate) when: When,
    body: Box<dyn Body>,
}

impl Handler {
    /// The name in logs and errors: `etcd/install`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.layer, self.name)
    }

    pub(crate) fn condition(&self) -> &Condition {
        self.when.condition()
    }

    pub(crate) fn call<'a>(&'a self, ctx: &'a mut Context) -> Answer<'a> {
        self.body.call(ctx)
    }
}

/// The future of a handler's answer.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + 'a>>;

trait Body {
    fn call<'a>(&'a self, ctx: &'a mut Context) -> Answer<'a>;
}

struct Answers<F>(F);

impl<F: AsyncFn(&mut Context) -> Result<Outcome>> Body for Answers<F> {
    fn call<'a>(&'a self, ctx: &'a mut Context) -> Answer<'a> {
        Box::pin(async move { (self.0)(ctx).await })
    }
}

struct Silent<F>(F);

impl<F: AsyncFn(&mut Context) -> Result<()>> Body for Silent<F> {
    fn call<'a>(&'a self, ctx: &'a mut Context) -> Answer<'a> {
        Box::pin(async move { (self.0)(ctx).await.map(|()| Outcome::Done) })
    }
}

/// Flags that follow another flag at once, whoever changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Trigger {
    pub(crate) flag: Flag,
    pub(crate) when_set: bool,
    pub(crate) sets: Vec<Flag>,
    pub(crate) clears: Vec<Flag>,
}

/// What happens in the moment a flag that was clear is set: `on_set(A).clears(B)`.
pub fn on_set(flag: impl Into<Flag>) -> Trigger {
    Trigger {
        flag: flag.into(),
        when_set: true,
        sets: Vec::new(),
        clears: Vec::new(),
    }
}

/// What happens in the moment a flag that was set is cleared.
pub fn on_clear(flag: impl Into<Flag>) -> Trigger {
    Trigger {
        when_set: false,
        ..on_set(flag)
    }
}

impl Trigger {
    /// Sets these flags.
    pub fn sets(mut self, flags: impl IntoFlags) -> Trigger {
        self.sets.extend(flags.into_flags());
        self
    }

    /// Clears these flags, after those to set have been set.
    pub fn clears(mut self, flags: impl IntoFlags) -> Trigger {
        self.clears.extend(flags.into_flags());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Charm;

    async fn named(_: &mut Context) -> Result {
        Ok(Outcome::Done)
    }

    fn closure() -> Layer {
        Layer::new("l").on(async |_: &mut Context| Ok(Outcome::Done), when(crate::always()))
    }

    #[test]
    fn handlers_are_named_after_their_functions() {
        let layer = Layer::new("l")
            .on(named, when(crate::always()))
            .on(async |_: &mut Context| Ok(Outcome::Done), when(crate::always()))
            .on(async |_: &mut Context| Ok(Outcome::Done), when(crate::always()));
        // The same place in the source, through another layer of the same name.
        let layer = Layer::new("outer").include(layer).include(closure()).include(closure());
        let charm = Charm::builder("c").layer(layer).build().unwrap();
        let names: Vec<String> = charm.graph().petgraph().node_weights().map(|node| node.id()).collect();
        let function = "handlers_are_named_after_their_functions";
        assert_eq!(
            names,
            [
                "l/layer::tests::named".to_owned(),
                format!("l/layer::tests::{function}::closure"),
                format!("l/layer::tests::{function}::closure#2"),
                "l/layer::tests::closure::closure".to_owned(),
                "l/layer::tests::closure::closure#2".to_owned(),
            ]
        );
    }

    #[test]
    fn names_have_neither_crate_nor_generic_arguments() {
        for (path, name) in [
            ("charm::tls::install", "tls::install"),
            ("charm::make<a::B<c::D>, fn() -> e::F>::{{closure}}", "make::closure"),
            (
                "interface::requires::Requires::layer::{{closure}}",
                "requires::Requires",
            ),
            (
                "interface::requires::Requires::layer_while::{{closure}}",
                "requires::Requires",
            ),
            ("charm::layer::{{closure}}", "layer::closure"),
            ("main", "main"),
        ] {
            assert_eq!(short_name(path), name);
        }
    }

    #[test]
    fn including_keeps_names_and_order() {
        let inner = Layer::new("inner").on(named, when(crate::always()));
        let outer = Layer::new("outer")
            .action("one", named)
            .include(inner)
            .action("two", named);
        let layers: Vec<_> = outer.handlers.iter().map(|h| h.layer).collect();
        assert_eq!(layers, ["outer", "inner", "outer"]);
    }
}
