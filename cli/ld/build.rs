//! Links the loader statically and for any address: the kernel maps it beside the
//! program that it loads.

use wasmaot_static_link::{Linked, Place, link, takes_packed_relocations};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if link("wasmaot-ld", Place::Anywhere) == Linked::NotFound {
        panic!(
            "no static C library (libc.a), which the loader needs: install libc6-dev or glibc-static"
        );
    }
    let argument = |text: &str| println!("cargo:rustc-link-arg-bin=wasmaot-ld={text}");
    argument("-Wl,-e,wasmaot_ld_start");
    if takes_packed_relocations() {
        argument("-Wl,-z,pack-relative-relocs");
    }
}
