//! What is measured: programs with arguments and input.

/// A use of a program.
pub struct Use {
    /// Its name.
    pub name: &'static str,
    /// The program.
    pub program: &'static str,
    /// Its arguments.
    pub args: &'static [&'static str],
    /// What it reads.
    pub input: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// All.
pub const USES: &[Use] = &[
    Use {
        name: "lua-hello",
        program: "lua",
        args: &["-e", "print('hello')"],
        input: "",
        about: "Lua says hello.",
    },
    Use {
        name: "lua-work",
        program: "lua",
        args: &["-"],
        input: include_str!("../../programs/work.lua"),
        about: "Lua counts words, sorts, recurses and multiplies matrices.",
    },
    Use {
        name: "sqlite-hello",
        program: "sqlite",
        args: &[":memory:", "SELECT 'hello'"],
        input: "",
        about: "SQLite's shell says hello.",
    },
    Use {
        name: "sqlite-work",
        program: "sqlite",
        args: &[":memory:"],
        input: include_str!("../../programs/work.sql"),
        about: "SQLite's shell runs a script: two tables, indices, joins, updates.",
    },
    Use {
        name: "python-pass",
        program: "python",
        args: &["-c", "pass"],
        input: "",
        about: "CPython starts and ends.",
    },
    Use {
        name: "python-json",
        program: "python",
        args: &["-c", "import json"],
        input: "",
        about: "CPython imports a package.",
    },
    Use {
        name: "python-work",
        program: "python",
        args: &["-"],
        input: include_str!("../../programs/work.py"),
        about: "CPython makes and reads JSON, counts words, sorts objects and recurses.",
    },
];
