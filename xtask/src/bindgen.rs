//! Compiled WebAssembly to what a browser loads: the module and its JavaScript. Called by `site`.
//! Uses the generator as a library, so its version is the lock file's. It does not optimise.

use std::collections::BTreeMap;

use anyhow::Result;
use wasm_bindgen_cli_support::Bindgen;

/// What the browser loads.
pub struct Bound {
    /// The script that loads the module.
    pub script: Vec<u8>,
    /// The module.
    pub module: Vec<u8>,
    /// Scripts of dependencies that the script imports, by path from `pkg/`.
    pub snippets: BTreeMap<String, Vec<u8>>,
}

/// Binds what stays of the module after it was cut.
pub fn bind(main: Vec<u8>) -> Result<Bound> {
    let mut generator = Bindgen::new();
    generator.web(true)?.input_bytes("meanwhile", main).out_name("meanwhile").typescript(false);
    // The parts find the table, the memory and the stack by what the linker and the splitter called them.
    generator.keep_lld_exports(true).demangle(false);
    let mut output = generator.remove_name_section(true).remove_producers_section(true).generate_output()?;
    let mut snippets = BTreeMap::new();
    for (identifier, sources) in output.snippets() {
        for (index, source) in sources.iter().enumerate() {
            snippets.insert(format!("snippets/{identifier}/inline{index}.js"), source.clone().into_bytes());
        }
    }
    for (path, source) in output.local_modules() {
        snippets.insert(format!("snippets/{path}"), source.clone().into_bytes());
    }
    Ok(Bound { script: output.js().as_bytes().to_vec(), module: output.wasm_mut().emit_wasm(), snippets })
}
