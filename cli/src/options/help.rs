//! What the command's help and manual say beside its options.

/// Of the whole command.
pub const COMMAND: &str = "\
`wasmaot PROGRAM [ARG]...` is short for `wasmaot run PROGRAM [ARG]...`, with options before it too.

Environment:
  WASMAOT_CACHE_DIR     Directory of built objects [default: ~/.cache/wasmaot]
  WASMAOT_CACHE_REMOTE  Store of objects that machines share, as --cache-remote of `wasmaot run`
  WASMAOT_CACHE_KEY     The file with its key
  WASMAOT_LIBRARY_PATH  Directories to look for libraries in, after those of -L
  WASMAOT_OPTIONS       Options of `wasmaot run`, which those of the command line outrank
  WASMAOT_DEBUG         What the loader prints: libs, files, bindings, …, all
  WASMAOT_DEBUGGER      With `always`, debuggers that attach later know the objects
  WASMAOT_PERF          With `map`, profilers know the functions of objects in memory
  WASMAOT_CHECK         If set, each relocated slot is computed once more and compared
  WASMAOT_LD            The loader of `wasmaot build --exe` and `--interp`
  WASMAOT_WASM_LD       The wasm-ld that `wasmaot link` and `cc` run
  WASMAOT_CLANG         The clang that `wasmaot cc` and `sysroot install` run
  WASMAOT_SYSROOT       The sysroot that is taken

Exit codes:
  0    All went well
  1    It could not be done, as one error says
  2    The command line is wrong
  101  A fault of wasmaot itself
  141  Nobody reads what it prints any more
Those of `wasmaot run` are the program's, too: `wasmaot run --help`";

/// Of `wasmaot run`: what the words after the program are, and how it ends.
pub const RUN: &str = "\
What follows PROGRAM is the program's, options too. Libraries may stand between: as long as a word \
is a module that defines what the program or an earlier library imports and nothing else has, or \
that one of them needs by its name, it is loaded; the first that is not begins the arguments. If \
all words before a `--` are modules, they are libraries whatever they define, and the `--` is \
dropped. A plain module defines imports from its file's name without extension, or from NAME as \
NAME=FILE, and from `env`.

Exit codes:
  0 to 255  The program's own: the low byte of what it exits with
  1         It could not be loaded, as one error says
  2         The command line is wrong
  124       The time of --timeout was over
  134       It trapped";
