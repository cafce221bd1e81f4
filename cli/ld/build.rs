//! Links the loader statically and for any address: the kernel maps it beside the
//! program that it loads. With musl where that is installed: glibc starts a static
//! program by asking the CPU for its features and caches, which hypervisors answer so
//! slowly that it takes longer than loading a small program, and is half a megabyte more.

use wasmaot_static_link::{Linked, Place, link, link_with_musl, takes_packed_relocations};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(musl)");
    let argument = |text: &str| println!("cargo:rustc-link-arg-bin=wasmaot-ld={text}");
    argument("-Wl,-e,wasmaot_ld_start");
    if link_with_musl("wasmaot-ld") == Linked::Statically {
        println!("cargo:rustc-cfg=musl");
        return;
    }
    if link("wasmaot-ld", Place::Anywhere) == Linked::NotFound {
        panic!(
            "no static C library (libc.a), which the loader needs: install libc6-dev or glibc-static"
        );
    }
    if takes_packed_relocations() {
        argument("-Wl,-z,pack-relative-relocs");
    }
}
