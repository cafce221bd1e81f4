//! The options of `wasmaot sysroot`.

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueHint};
use wasmaot_sysroot::Libc;

/// `wasmaot sysroot`.
#[derive(Debug, Args)]
#[command(
    after_help = "A sysroot has the headers and libraries that C and C++ programs are compiled and linked \
                  against. Those of a user are in $XDG_DATA_HOME/wasmaot/sysroot [default: \
                  ~/.local/share/wasmaot/sysroot]."
)]
pub struct Sysroot {
    /// What to do with it
    #[command(subcommand)]
    pub command: Action,
}

/// A subcommand of it.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Make one, of sources that are fetched by apt, pip or npm
    Install(Install),
    /// List those that there are
    List,
    /// Print the directory of the one that is taken
    Path {
        /// Of this C library [default: the first that there is]
        #[arg(value_parser = libc())]
        libc: Option<Libc>,
    },
    /// Remove one of the user's
    Remove {
        /// Of this C library
        #[arg(value_parser = libc())]
        libc: Libc,
    },
}

/// `wasmaot sysroot install`.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs clang and lld of LLVM 19 or later, with compiler-rt for wasm, and what fetches sources \
                  (Debian: apt-get install clang-22 lld-22 libclang-rt-22-dev-wasm32 python3-pip ca-certificates; \
                  npm for wasi). It is made in a directory of its own and put into its place when it is complete."
)]
pub struct Install {
    /// The C library: musl for the system calls of Linux, with threads; wasi for WASI
    #[arg(default_value = Libc::Musl.name(), value_parser = libc())]
    pub libc: Libc,
    /// Directory to make it in [default: among the user's]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub to: Option<PathBuf>,
    /// The source, or a directory with what is else fetched
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub source: Option<PathBuf>,
    /// Without libc++: for programs in C
    #[arg(long)]
    pub no_cxx: bool,
    /// Compilers to run at once [default: one for each core]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// Reads the name of a C library.
fn libc() -> impl clap::builder::TypedValueParser<Value = Libc> {
    clap::builder::PossibleValuesParser::new(Libc::ALL.map(Libc::name))
        .map(|name| name.parse().expect("it is one of the names"))
}
