//! Links the command statically, at a fixed address: it is most of what a
//! program's start takes.

use wasmaot_static_link::{Linked, Place, link};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if link("wasmaot", Place::Fixed) == Linked::NotFound {
        println!("cargo:warning=no static C library (libc.a): the command will start more slowly");
    }
}
