//! The target `types`: sets of modules whose interfaces fit everywhere, or
//! everywhere but in one place. The one set has to be taken, the other refused,
//! for imports of every kind and wherever the definition is.

use std::collections::HashMap;
use std::sync::Arc;

use wasmaot_abi::types::{FuncType, HeapType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::{Caller, Config, Error, HostFunction, Object, Process, Unresolved, Val};

use self::text::Text;
use crate::{File, Outcome, Random, native};

mod text;

/// A function type, with those that it refers to inside.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Func {
    params: Vec<Value>,
    results: Vec<Value>,
}

/// A value type.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(&'static str),
    Ref { null: bool, heap: Heap },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heap {
    Func,
    Extern,
    Exn,
    Type(Arc<Func>),
}

const NUMBERS: [&str; 5] = ["i32", "i64", "f32", "f64", "v128"];

/// Limits, and the size of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Limits {
    wide: bool,
    min: u64,
    max: Option<u64>,
}

/// What an import or a definition is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Func(Arc<Func>),
    Tag(Arc<Func>),
    Global { mutable: bool, value: Value },
    Table { limits: Limits, value: Value },
    Memory { limits: Limits, shared: bool },
}

/// Where definitions are, seen from the module that imports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In a module that is loaded, passed on by as many others.
    Loaded(usize),
    /// In the module itself.
    Own,
    /// In a library of the same program, passed on by as many others.
    Library(usize),
    /// Functions in the host.
    Host,
}

/// An import: of which definition, as what.
type Import = (usize, Kind);

/// A set of modules.
#[derive(Debug)]
pub struct Typed {
    way: Way,
    definitions: Vec<Kind>,
    /// What those between pass on.
    between: Vec<Vec<Import>>,
    user: Vec<Import>,
}

impl Typed {
    /// A random one.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut types: Vec<Arc<Func>> = Vec::new();
        for _ in 0..2 + random.below(6) {
            let ty = func(&mut random, &types);
            types.push(Arc::new(ty));
        }
        let chain = random.below(3);
        let way = match random.below(8) {
            0..3 => Way::Loaded(chain),
            3 | 4 => Way::Own,
            5 | 6 => Way::Library(chain),
            _ => Way::Host,
        };
        let count = 1 + random.below(5);
        let mut definitions: Vec<Kind> = Vec::new();
        while definitions.len() < count {
            let kind = definition(&mut random, &types, way);
            let memory = |kind: &Kind| matches!(kind, Kind::Memory { .. });
            // A module joins the domain of one memory.
            if !memory(&kind) || !definitions.iter().any(memory) {
                definitions.push(kind);
            }
        }
        let all = || (0..).zip(definitions.clone()).collect::<Vec<Import>>();
        let mut lists = vec![all(); between(way) + 1];
        for list in &mut lists {
            for import in list.iter_mut() {
                loosen(&mut random, &mut import.1);
            }
            if random.once_in(3) {
                let again = random.pick(list).clone();
                if !matches!(again.1, Kind::Memory { .. }) {
                    list.push(again);
                }
            }
        }
        if !random.once_in(3) {
            let list = random.below(lists.len());
            let at = random.below(lists[list].len());
            let import = &mut lists[list][at];
            import.1 = match way {
                Way::Host => host_change(&mut random, &import.1),
                _ => change(&mut random, &import.1),
            };
        }
        let user = lists.pop().unwrap_or_default();
        Self {
            way,
            definitions,
            between: lists,
            user,
        }
    }

    /// The modules.
    pub fn files(&self) -> Vec<File> {
        let texts = self.texts().into_iter();
        let files = texts.map(|(name, text)| (format!("{name}.wat"), text.into_bytes()));
        files
            .chain([("case".to_owned(), format!("{self:#?}\n").into_bytes())])
            .collect()
    }

    /// The imports that do not fit, by the rules of the specification.
    fn wrong(&self) -> Vec<&Import> {
        let imports = self.between.iter().flatten().chain(&self.user);
        let wrong = imports.filter(|(n, import)| !fits(&self.definitions[*n], import));
        wrong.collect()
    }

    /// Links them.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        let wrong = self.wrong();
        match (self.link(Unresolved::Error), wrong.is_empty()) {
            (Ok(()), true) => Ok(Outcome::Passed),
            (Ok(()), false) => Err(format!("taken, although these are wrong: {wrong:?}")),
            (Err(error), true) => Err(format!("refused, although all fits: {error}")),
            (Err(error), false) => {
                let types = matches!(
                    error,
                    Error::Mismatch { .. }
                        | Error::FunctionType { .. }
                        | Error::TypeCollision { .. }
                );
                if !types || error.to_string().contains('\n') {
                    return Err(format!("refused for another reason: {error}"));
                }
                // What is wrong with functions alone may come out at a call.
                let function = |kind: &Kind| matches!(kind, Kind::Func(_));
                let all = |test: &dyn Fn(&Import) -> bool| wrong.iter().all(|import| test(import));
                let imported = all(&|(_, kind)| function(kind));
                let defined = all(&|(n, _)| function(&self.definitions[*n]));
                match (imported, self.link(Unresolved::Ignore)) {
                    (false, Ok(())) => Err(format!("taken in the end: {wrong:?}")),
                    (true, Err(error)) if defined => {
                        Err(format!("refused, although it may be late: {error}"))
                    }
                    _ => Ok(Outcome::Refused),
                }
            }
        }
    }

    /// Names and texts of the modules, in the order in which they are loaded.
    fn texts(&self) -> Vec<(String, String)> {
        let dynamic = matches!(self.way, Way::Library(_));
        let names: Vec<String> = (0..self.between.len()).map(|n| format!("m{n}")).collect();
        let mut modules = Vec::new();
        let mut definer = "d".to_owned();
        let mut needed = Vec::new();
        match self.way {
            Way::Own => {
                let mut module = Text::new(None);
                module.imports("env", &self.user, 0);
                module.definitions(&self.definitions);
                return vec![("u".to_owned(), module.finish())];
            }
            Way::Host => definer = "host".to_owned(),
            Way::Loaded(_) | Way::Library(_) => {
                let mut module = Text::new(dynamic.then_some(&[][..]));
                module.definitions(&self.definitions);
                modules.push(("d".to_owned(), module.finish()));
                needed.push("d".to_owned());
            }
        }
        let lists = self.between.iter().zip(names).enumerate();
        for (depth, (list, name)) in lists {
            let mut module = Text::new(dynamic.then_some(&needed[..]));
            module.imports(if dynamic { "env" } else { &definer }, list, depth);
            module.pass_on(list, depth + 1);
            modules.push((name.clone(), module.finish()));
            definer.clone_from(&name);
            needed = vec![name];
        }
        let mut module = Text::new(dynamic.then_some(&needed[..]));
        let from = if dynamic { "env" } else { &definer };
        module.imports(from, &self.user, self.between.len());
        modules.push(("u".to_owned(), module.finish()));
        modules
    }

    fn link(&self, unresolved: Unresolved) -> Result<(), Error> {
        let objects = self.texts().into_iter().map(|(name, text)| {
            let wasm = wat::parse_str(&text).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
            let options = Options {
                opt_level: wasmaot_compiler::OptLevel::None,
                ..Options::default()
            };
            let bytes = compile(&name, &wasm, &options, Emit::So);
            let bytes = bytes.unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
            let object = native::object(&name, &bytes, false).expect("just built");
            (name, Arc::new(object))
        });
        let objects: Vec<_> = objects.collect();
        let mut process = Process::new(Config {
            check: true,
            // As in `ours`.
            max_threads: 1,
            unresolved,
            max_memory: 64 << 16,
            ..Config::default()
        })?;
        if self.way == Way::Host {
            let functions = self.definitions.iter().enumerate();
            let functions = functions.filter_map(|(n, kind)| match kind {
                Kind::Func(ty) => {
                    let body = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
                    Some(HostFunction::new("host", name(n, 0), native_type(ty), body))
                }
                _ => None,
            });
            process.add_host_functions(functions.collect::<Vec<_>>());
        }
        if let Way::Loaded(_) | Way::Host = self.way {
            for (name, object) in objects {
                process.instantiate(object, Some(&name))?;
            }
            return Ok(());
        }
        let libraries: HashMap<String, Arc<Object>> = objects.into_iter().collect();
        let main = Arc::clone(&libraries["u"]);
        process.set_finder(move |name: &str, _: &Object| Ok(libraries.get(name).cloned()));
        process.load_program(main, &[]).map(|_| ())
    }
}

/// How many modules pass on.
const fn between(way: Way) -> usize {
    match way {
        Way::Loaded(n) | Way::Library(n) => n,
        Way::Own | Way::Host => 0,
    }
}

/// Name of a definition when it has been passed on that often.
fn name(definition: usize, depth: usize) -> String {
    format!("e{definition}_{depth}")
}

fn value(random: &mut Random, types: &[Arc<Func>]) -> Value {
    let null = !random.once_in(4);
    let heap = match random.below(10) {
        0..3 if !types.is_empty() => Heap::Type(Arc::clone(random.pick(types))),
        3 => Heap::Func,
        4 => Heap::Extern,
        5 => Heap::Exn,
        _ => return Value::Number(NUMBERS[random.below(NUMBERS.len())]),
    };
    Value::Ref { null, heap }
}

fn reference(random: &mut Random, types: &[Arc<Func>]) -> Value {
    loop {
        if let Value::Ref { heap, .. } = value(random, types) {
            return Value::Ref { null: true, heap };
        }
    }
}

fn func(random: &mut Random, types: &[Arc<Func>]) -> Func {
    let mut list = |most| -> Vec<Value> {
        let count = random.below(most);
        (0..count).map(|_| value(random, types)).collect()
    };
    Func {
        params: list(5),
        results: list(3),
    }
}

fn limits(random: &mut Random) -> Limits {
    let min = random.below(4) as u64;
    Limits {
        wide: random.once_in(4),
        min,
        max: (!random.once_in(3)).then(|| min + random.below(4) as u64),
    }
}

fn definition(random: &mut Random, types: &[Arc<Func>], way: Way) -> Kind {
    let ty = Arc::clone(random.pick(types));
    if way == Way::Host {
        let mut ty = (*ty).clone();
        let first = Heap::Type(Arc::clone(random.pick(types)));
        ty.params.insert(
            0,
            Value::Ref {
                null: true,
                heap: first,
            },
        );
        return Kind::Func(Arc::new(ty));
    }
    match random.below(6) {
        0 | 1 => Kind::Func(ty),
        2 => Kind::Tag(Arc::new(Func {
            params: ty.params.clone(),
            results: Vec::new(),
        })),
        3 => {
            let value = match value(random, types) {
                // There are no others to begin with.
                Value::Ref {
                    heap: heap @ (Heap::Extern | Heap::Exn),
                    ..
                } => Value::Ref { null: true, heap },
                other => other,
            };
            let address = value == Value::Number("i32") && matches!(way, Way::Library(_));
            Kind::Global {
                // An immutable one of a library's is an address.
                mutable: address || random.once_in(2),
                value,
            }
        }
        // `env` has one memory, and a module is not loaded before itself.
        4 if matches!(way, Way::Loaded(_)) => {
            let limits = limits(random);
            let shared = limits.max.is_some() && random.once_in(4);
            Kind::Memory { limits, shared }
        }
        _ => Kind::Table {
            limits: limits(random),
            value: reference(random, types),
        },
    }
}

/// Makes an import ask for less than there is.
fn loosen(random: &mut Random, kind: &mut Kind) {
    let less = |random: &mut Random, limits: &mut Limits, bounded: bool| {
        limits.min -= random.below(limits.min as usize + 1) as u64;
        match &mut limits.max {
            Some(_) if !bounded && random.once_in(3) => limits.max = None,
            Some(max) => *max += random.below(2) as u64,
            None => {}
        }
    };
    match kind {
        Kind::Table { limits, .. } => less(random, limits, false),
        Kind::Memory { limits, shared } => less(random, limits, *shared),
        Kind::Global {
            mutable: false,
            value: Value::Ref { null, heap },
        } => {
            *null |= random.once_in(2);
            if matches!(heap, Heap::Type(_)) && random.once_in(3) {
                *heap = Heap::Func;
            }
        }
        _ => {}
    }
}

/// A type that differs in one place.
fn change(random: &mut Random, kind: &Kind) -> Kind {
    let mut new = kind.clone();
    if random.once_in(8) {
        // Of another kind altogether.
        let number = Value::Number("i64");
        new = match kind {
            Kind::Func(ty) | Kind::Tag(ty) if !ty.results.is_empty() => Kind::Global {
                mutable: true,
                value: number,
            },
            Kind::Func(ty) => Kind::Tag(Arc::clone(ty)),
            Kind::Tag(ty) => Kind::Func(Arc::clone(ty)),
            Kind::Global {
                value: Value::Ref { heap, .. },
                ..
            } => Kind::Table {
                limits: Limits {
                    wide: false,
                    min: 0,
                    max: None,
                },
                value: Value::Ref {
                    null: true,
                    heap: heap.clone(),
                },
            },
            Kind::Global { .. } | Kind::Table { .. } | Kind::Memory { .. } => {
                Kind::Func(Arc::new(Func {
                    params: vec![number],
                    results: Vec::new(),
                }))
            }
        };
        return new;
    }
    match &mut new {
        Kind::Func(ty) => *ty = Arc::new(change_func(random, ty, true)),
        Kind::Tag(ty) => *ty = Arc::new(change_func(random, ty, false)),
        Kind::Global { mutable, value } => match random.once_in(4) {
            true => *mutable = !*mutable,
            false => *value = change_value(random, value),
        },
        Kind::Table { limits, value } => match random.once_in(2) {
            true => change_limits(random, limits),
            false => loop {
                *value = change_value(random, value);
                if matches!(value, Value::Ref { .. }) {
                    break;
                }
            },
        },
        Kind::Memory { limits, shared } => match limits.max {
            Some(_) if random.once_in(3) => *shared = !*shared,
            _ => {
                change_limits(random, limits);
                *shared &= limits.max.is_some();
            }
        },
    }
    new
}

/// Another type than a host function's, to which no adapter leads.
fn host_change(random: &mut Random, kind: &Kind) -> Kind {
    let Kind::Func(ty) = kind else {
        return kind.clone();
    };
    let mut ty = (**ty).clone();
    if let Some(Value::Ref {
        heap: Heap::Type(first),
        ..
    }) = ty.params.first_mut()
    {
        *first = Arc::new(change_func(random, first, true));
    }
    Kind::Func(Arc::new(ty))
}

fn change_limits(random: &mut Random, limits: &mut Limits) {
    match random.below(4) {
        0 => limits.wide = !limits.wide,
        1 => {
            limits.min += 5;
            limits.max = limits.max.map(|max| max.max(limits.min));
        }
        2 => limits.max = Some(limits.min),
        _ => {
            limits.max = Some(
                limits
                    .max
                    .map_or(limits.min, |max| max.saturating_sub(1).max(limits.min)),
            )
        }
    }
}

fn change_func(random: &mut Random, ty: &Func, results: bool) -> Func {
    let mut new = ty.clone();
    let list = match results && random.once_in(3) {
        true => &mut new.results,
        false => &mut new.params,
    };
    if list.is_empty() || random.once_in(5) {
        let at = random.below(list.len() + 1);
        list.insert(at, Value::Number(NUMBERS[random.below(NUMBERS.len())]));
    } else if random.once_in(5) {
        list.remove(random.below(list.len()));
    } else {
        let at = random.below(list.len());
        list[at] = change_value(random, &list[at]);
    }
    new
}

fn change_value(random: &mut Random, value: &Value) -> Value {
    if let Value::Ref { null, heap } = value {
        match (heap, random.below(3)) {
            (Heap::Type(inner), 0 | 1) => {
                let inner = Heap::Type(Arc::new(change_func(random, inner, true)));
                return Value::Ref {
                    null: *null,
                    heap: inner,
                };
            }
            (_, 0) => {
                return Value::Ref {
                    null: !null,
                    heap: heap.clone(),
                };
            }
            _ => {}
        }
    }
    loop {
        let heaps = [Heap::Func, Heap::Extern, Heap::Exn];
        let new = match random.once_in(2) {
            true => Value::Number(NUMBERS[random.below(NUMBERS.len())]),
            false => Value::Ref {
                null: true,
                heap: random.pick(&heaps).clone(),
            },
        };
        if new != *value {
            return new;
        }
    }
}

/// Whether a definition fits an import, by the specification.
fn fits(found: &Kind, wanted: &Kind) -> bool {
    let within = |found: &Limits, wanted: &Limits| {
        let max = match (found.max, wanted.max) {
            (_, None) => true,
            (Some(found), Some(wanted)) => found <= wanted,
            (None, Some(_)) => false,
        };
        found.wide == wanted.wide && found.min >= wanted.min && max
    };
    match (found, wanted) {
        (
            Kind::Global {
                mutable: false,
                value: found,
            },
            Kind::Global {
                mutable: false,
                value: wanted,
            },
        ) => match (found, wanted) {
            (
                Value::Ref { null, heap },
                Value::Ref {
                    null: may,
                    heap: of,
                },
            ) => {
                let narrower = matches!((heap, of), (Heap::Type(_), Heap::Func));
                (*may || !*null) && (heap == of || narrower)
            }
            _ => found == wanted,
        },
        (
            Kind::Table { limits, value },
            Kind::Table {
                limits: least,
                value: of,
            },
        ) => value == of && within(limits, least),
        (
            Kind::Memory { limits, shared },
            Kind::Memory {
                limits: least,
                shared: also,
            },
        ) => shared == also && within(limits, least),
        _ => found == wanted,
    }
}

/// As the runtime has it.
fn native_type(ty: &Func) -> FuncType {
    let list = |list: &[Value]| -> Vec<ValType> {
        let native = list.iter().map(|value| match value {
            Value::Number("i32") => ValType::I32,
            Value::Number("i64") => ValType::I64,
            Value::Number("f32") => ValType::F32,
            Value::Number("f64") => ValType::F64,
            Value::Number(_) => ValType::V128,
            Value::Ref { null, heap } => {
                let heap = match heap {
                    Heap::Func => HeapType::Func,
                    Heap::Extern => HeapType::Extern,
                    Heap::Exn => HeapType::Exn,
                    Heap::Type(ty) => HeapType::Type(native_type(ty).hash()),
                };
                ValType::reference(*null, heap)
            }
        });
        native.collect()
    };
    FuncType::new(list(&ty.params), list(&ty.results))
}
