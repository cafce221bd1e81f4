/* The loader is the host: musl's own is not built. */
#define LDSO_ARCH "wasm32"
#define CRTJMP(pc, sp) __builtin_trap()
