//! Modules of the target `types`, as text.

use std::collections::HashMap;
use std::fmt::Write;

use super::{Func, Heap, Import, Kind, Limits, Value, name};

/// A module in the making.
pub(super) struct Text {
    types: Vec<Func>,
    type_text: String,
    linking: Option<String>,
    imports: String,
    body: String,
    /// How many there are of functions, tables, memories, globals, tags.
    counts: HashMap<&'static str, usize>,
}

impl Text {
    /// One of the tool-conventions if it may need libraries.
    pub fn new(needed: Option<&[String]>) -> Self {
        let linking = needed.map(|needed| {
            let mut section = vec![1, 4, 0, 4, 0, 0];
            let names: Vec<u8> = needed
                .iter()
                .flat_map(|name| [&[name.len() as u8], name.as_bytes()].concat())
                .collect();
            section.extend([2, names.len() as u8 + 1, needed.len() as u8]);
            section.extend(names);
            let bytes: String = section.iter().map(|b| format!("\\{b:02x}")).collect();
            format!(r#"(@custom "dylink.0" (before first) "{bytes}") (import "env" "memory" (memory 0))"#)
        });
        Self {
            types: Vec::new(),
            type_text: String::new(),
            linking,
            imports: String::new(),
            body: String::new(),
            counts: HashMap::new(),
        }
    }

    pub fn finish(self) -> String {
        let linking = self.linking.unwrap_or_default();
        let (types, imports, body) = (self.type_text, self.imports, self.body);
        format!("(module {linking}\n{types}{imports}{body})\n")
    }

    /// Number of a function type.
    fn func(&mut self, ty: &Func) -> usize {
        if let Some(known) = self.types.iter().position(|t| t == ty) {
            return known;
        }
        let params: String = ty.params.iter().map(|v| self.value(v) + " ").collect();
        let results: String = ty.results.iter().map(|v| self.value(v) + " ").collect();
        let text = format!("  (type (func (param {params}) (result {results})))\n");
        self.type_text += &text;
        self.types.push(ty.clone());
        self.types.len() - 1
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Number(name) => (*name).to_owned(),
            Value::Ref { null, heap } => {
                let null = if *null { "null " } else { "" };
                format!("(ref {null}{})", self.heap(heap))
            }
        }
    }

    fn heap(&mut self, heap: &Heap) -> String {
        match heap {
            Heap::Func => "func".to_owned(),
            Heap::Extern => "extern".to_owned(),
            Heap::Exn => "exn".to_owned(),
            Heap::Type(ty) => self.func(ty).to_string(),
        }
    }

    /// Its word in a module's text, and what follows it.
    fn kind(&mut self, kind: &Kind) -> (&'static str, String) {
        let limits = |limits: &Limits| {
            let wide = if limits.wide { "i64 " } else { "" };
            let max = limits.max.map_or(String::new(), |max| max.to_string());
            format!("{wide}{} {max}", limits.min)
        };
        match kind {
            Kind::Func(ty) => ("func", format!("(type {})", self.func(ty))),
            Kind::Tag(ty) => ("tag", format!("(type {})", self.func(ty))),
            Kind::Global { mutable, value } => {
                let value = self.value(value);
                let value = if *mutable {
                    format!("(mut {value})")
                } else {
                    value
                };
                ("global", value)
            }
            Kind::Table { limits: l, value } => {
                ("table", format!("{} {}", limits(l), self.value(value)))
            }
            Kind::Memory { limits: l, shared } => {
                let shared = if *shared { " shared" } else { "" };
                ("memory", format!("{}{shared}", limits(l)))
            }
        }
    }

    pub fn imports(&mut self, module: &str, list: &[Import], depth: usize) {
        for (n, kind) in list {
            let (word, ty) = self.kind(kind);
            let name = name(*n, depth);
            let _ = writeln!(
                self.imports,
                r#"  (import "{module}" "{name}" ({word} {ty}))"#
            );
        }
    }

    /// Exports what has been imported, the first time each.
    pub fn pass_on(&mut self, list: &[Import], depth: usize) {
        let mut done = Vec::new();
        for (n, kind) in list {
            let (word, _) = self.kind(kind);
            // The shared memory is the first.
            let first = usize::from(word == "memory" && self.linking.is_some());
            let number = self.counts.entry(word).or_insert(first);
            if !done.contains(n) {
                let name = name(*n, depth);
                let _ = writeln!(self.body, r#"  (export "{name}" ({word} {number}))"#);
                done.push(*n);
            }
            *number += 1;
        }
    }

    pub fn definitions(&mut self, list: &[Kind]) {
        for (n, kind) in list.iter().enumerate() {
            let (word, ty) = self.kind(kind);
            let name = name(n, 0);
            let body = match kind {
                Kind::Func(_) => "unreachable".to_owned(),
                Kind::Global { value, .. } => self.initial(n, value),
                _ => String::new(),
            };
            let _ = writeln!(self.body, r#"  ({word} (export "{name}") {ty} {body})"#);
        }
    }

    /// What a global begins with.
    fn initial(&mut self, n: usize, value: &Value) -> String {
        match value {
            Value::Number("v128") => "(v128.const i64x2 0 0)".to_owned(),
            Value::Number(name) => format!("({name}.const 0)"),
            Value::Ref { null: true, heap } => format!("(ref.null {})", self.heap(heap)),
            Value::Ref { heap, .. } => {
                let empty = Func {
                    params: Vec::new(),
                    results: Vec::new(),
                };
                let ty = match heap {
                    Heap::Type(ty) => self.func(ty),
                    _ => self.func(&empty),
                };
                let _ = writeln!(self.body, "  (func $of{n} (type {ty}) unreachable)");
                format!("(ref.func $of{n})")
            }
        }
    }
}
