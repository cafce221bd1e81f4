//! wasm functions → CLIF.
