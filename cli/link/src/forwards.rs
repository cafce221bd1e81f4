//! Which functions of libraries main refers to by table index.
//!
//! wasm-ld has an index for a defined function alone. So main gets a function
//! of the name that only forwards to the library's. Each call of main goes to
//! it as well, and it is no export, so that it is nobody else's.

use anyhow::{Result, bail};
use wasmparser::{FuncType, ValType};

use super::resolve::{File, Symbols};

/// A function that forwards to that of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Symbol of both.
    pub name: String,
    /// Parameters, in the binary format.
    pub params: Vec<u8>,
    /// Results, in the binary format.
    pub results: Vec<u8>,
}

/// What the linker defines itself, and a library has one of its own of.
const LINKERS: &str = "__wasm_";

/// Decides on the functions. What is no function in its library is left to
/// wasm-ld, which complains.
///
/// # Errors
/// If an object cannot have a function of the type.
pub fn plan(symbols: &Symbols<'_>, files: &[File]) -> Result<Vec<Forward>> {
    let mut forwards = Vec::new();
    for (name, by, number) in symbols.pointers() {
        let Some(File::Library(library)) = files.get(number) else {
            continue;
        };
        let Some(ty) = library.functions.get(name) else {
            continue;
        };
        if name.starts_with(LINKERS) {
            continue;
        }
        let Some((params, results)) = encoded(ty) else {
            bail!(
                "{by}: takes the address of `{name}`, whose type in {} is {ty}; compile the program with -fPIC and link it with --pie",
                library.name
            );
        };
        forwards.push(Forward {
            name: name.to_owned(),
            params,
            results,
        });
    }
    Ok(forwards)
}

fn encoded(ty: &FuncType) -> Option<(Vec<u8>, Vec<u8>)> {
    let list = |types: &[ValType]| {
        types
            .iter()
            .map(|&ty| byte(ty))
            .collect::<Option<Vec<u8>>>()
    };
    Some((list(ty.params())?, list(ty.results())?))
}

/// A type that one byte stands for.
const fn byte(ty: ValType) -> Option<u8> {
    Some(match ty {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        ValType::V128 => 0x7b,
        ValType::FUNCREF => 0x70,
        ValType::EXTERNREF => 0x6f,
        ValType::EXNREF => 0x69,
        ValType::Ref(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::library::Library;
    use super::super::object::{Kind, Object, Symbol};
    use super::*;

    fn planned(name: &str, ty: FuncType) -> Result<Vec<Forward>> {
        let mut library = Library::of("lib.so", &["f", "data", "__wasm_f"]);
        for function in ["f", "__wasm_f"] {
            library.functions.insert(function.to_owned(), ty.clone());
        }
        let main = Object {
            name: "main.o".to_owned(),
            single_thread: false,
            symbols: vec![Symbol {
                name: name.to_owned(),
                weak: false,
                tls: false,
                hidden: false,
                kind: Kind::FunctionAddress,
            }],
        };
        let files = [File::Object(main), File::Library(Box::new(library))];
        plan(&Symbols::resolve(&files, &[]), &files)
    }

    #[test]
    fn the_type_is_the_librarys() {
        let ty = || FuncType::new([ValType::I32, ValType::V128], [ValType::F64]);
        let expected = Forward {
            name: "f".to_owned(),
            params: vec![0x7f, 0x7b],
            results: vec![0x7c],
        };
        assert_eq!(planned("f", ty()).unwrap(), [expected]);
        for name in ["data", "__wasm_f", "none"] {
            assert_eq!(planned(name, ty()).unwrap(), [], "{name}");
        }
        let not_null = wasmparser::RefType::FUNC;
        let error = planned("f", FuncType::new([ValType::Ref(not_null)], []));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("main.o") && error.contains("lib.so"),
            "{error}"
        );
    }
}
